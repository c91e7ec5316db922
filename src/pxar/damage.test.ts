// Damaged archives of both versions, read from front to back and at random: refused by name or read, never more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { productFile, vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefusesAsync } from '../../test/support/mutate.ts';
import { MemoryReadAt } from '../base/io.ts';
import { type DirectoryNode, PxarAccessor } from './accessor.ts';
import { decodePxar } from './decoder.ts';
import { pieces } from './testing/streams.ts';

const golden = vectors<{
  v1_archive_hex: string;
  v1_all_attributes_hex: string;
  v2_mpxar_hex: string;
  v2_ppxar_hex: string;
}>('pxar');
const hex = (text: string) => Buffer.from(text, 'hex');
const ppxar = hex(golden.v2_ppxar_hex);
const valid = [
  hex(golden.v1_archive_hex),
  hex(golden.v1_all_attributes_hex),
  hex(golden.v2_mpxar_hex),
  productFile('pxar/small-acl.pxar'),
  productFile('pxar/small-dev.pxar'),
  productFile('pxar/small-xattr.pxar'),
];

async function readAll(archive: Uint8Array, payload: Uint8Array, size: number): Promise<void> {
  let bytes = 0;
  for await (const event of decodePxar({ archive: pieces(archive, size), payload: pieces(payload, size) })) {
    if (event.kind !== 'file') continue;
    for await (const piece of event.content()) bytes += piece.byteLength;
  }
  assert.ok(bytes <= archive.byteLength + payload.byteLength);
}

async function accessAll(archive: Uint8Array, payload: Uint8Array): Promise<void> {
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive), payload: new MemoryReadAt(payload) });
  let entries = 0;
  const walk = async (directory: DirectoryNode): Promise<void> => {
    for await (const node of accessor.list(directory)) {
      entries++;
      await readsOrRefusesAsync(() => accessor.child(directory, node.name));
      if (node.kind === 'directory') await readsOrRefusesAsync(() => walk(node));
      if (node.kind === 'hardlink') await readsOrRefusesAsync(() => accessor.follow(node));
      if (node.kind === 'file') {
        await readsOrRefusesAsync(async () => {
          const content = await accessor.content(node);
          await content.readAt(0, content.size);
        });
      }
    }
  };
  await walk(accessor.root);
  assert.ok(entries * 40 <= archive.byteLength, 'more entries than the archive has room for');
}

test('damaged archives, from front to back', async () => {
  const input = fc.constantFrom(...valid).chain(damaged);
  await fc.assert(
    fc.asyncProperty(
      input,
      fc.oneof(fc.constant(ppxar), damaged(ppxar)),
      fc.integer({ min: 1, max: 500 }),
      (archive, payload, size) => readsOrRefusesAsync(() => readAll(archive, payload, size)),
    ),
    { numRuns: 1500 },
  );
});

test('damaged archives, at random', async () => {
  const input = fc.constantFrom(...valid).chain(damaged);
  await fc.assert(
    fc.asyncProperty(input, fc.oneof(fc.constant(ppxar), damaged(ppxar)), (archive, payload) =>
      readsOrRefusesAsync(() => accessAll(archive, payload)),
    ),
    { numRuns: 1500 },
  );
});

test('every byte of a small archive set to other values', async () => {
  const archive = valid[0]!;
  for (let at = 0; at < archive.byteLength; at++) {
    for (const value of [0, 0xff, archive[at]! ^ 1]) {
      const changed = Buffer.from(archive);
      changed[at] = value;
      await readsOrRefusesAsync(() => readAll(changed, ppxar, 4096));
      await readsOrRefusesAsync(() => accessAll(changed, ppxar));
    }
  }
});

test('random bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await readsOrRefusesAsync(() => readAll(bytes, bytes, 64));
      await readsOrRefusesAsync(() => accessAll(bytes, bytes));
    }),
  );
});
