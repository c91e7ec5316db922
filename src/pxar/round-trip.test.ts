// Random trees, names of any bytes: encoded, decoded, found by path again, in both versions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryReadAt, MemorySink } from '../base/io.ts';
import { type DirectoryNode, PxarAccessor, type PxarNode } from './accessor.ts';
import { decodePxar } from './decoder.ts';
import { PxarEncoder } from './encoder.ts';
import { copyArchive } from './testing/copy.ts';
import { contentOf, pieces, SlowSink } from './testing/streams.ts';
import {
  type DirectoryTree,
  describeBody,
  describeMetadata,
  describeTree,
  directoryTree,
  writeTree,
} from './testing/trees.ts';

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

async function encode(tree: DirectoryTree, isSplit: boolean): Promise<{ archive: Uint8Array; payload?: Uint8Array }> {
  const archive = new MemorySink();
  const payload = isSplit ? new MemorySink() : undefined;
  await writeTree(new PxarEncoder({ archive, payload, prelude: isSplit ? Buffer.from('p') : undefined }), tree);
  return { archive: archive.bytes(), ...(payload && { payload: payload.bytes() }) };
}

async function describeDecoded(archive: Uint8Array, payload: Uint8Array | undefined, size: number): Promise<string[]> {
  const lines: string[] = [];
  const source = { archive: pieces(archive, size), ...(payload && { payload: pieces(payload, size) }) };
  for await (const event of decodePxar(source)) {
    if (event.kind === 'prelude' || event.kind === 'end-directory') continue;
    const path = latin1(event.path);
    if (event.kind === 'hardlink') {
      lines.push(`${path} hardlink ${latin1(event.target)}`);
      continue;
    }
    const content = event.kind === 'file' ? { kind: event.kind, content: await contentOf(event.content()) } : event;
    lines.push(`${path} ${event.kind} ${describeBody(content)} ${describeMetadata(event.meta)}`);
  }
  return lines;
}

async function describeAccessed(accessor: PxarAccessor): Promise<string[]> {
  const lines: string[] = [];
  const show = async (node: PxarNode, path: string): Promise<void> => {
    const found = await accessor.lookup(Buffer.from(path, 'latin1'));
    assert.equal(found?.offset, node.offset);
    if (node.kind === 'hardlink') {
      const file = await accessor.follow(node);
      const target = await accessor.lookup(node.target);
      assert.equal(file.offset, target?.offset);
      lines.push(`${path} hardlink ${latin1(node.target)}`);
      return;
    }
    let body: Parameters<typeof describeBody>[0] = node;
    if (node.kind === 'file') {
      const content = await accessor.content(node);
      body = { kind: 'file', content: await content.readAt(0, content.size) };
    }
    lines.push(`${path} ${node.kind} ${describeBody(body)} ${describeMetadata(node.meta)}`);
    if (node.kind === 'directory') await showChildren(node, path);
  };
  const showChildren = async (directory: DirectoryNode, path: string): Promise<void> => {
    for await (const child of accessor.list(directory)) {
      await show(child, path === '' ? latin1(child.name) : `${path}/${latin1(child.name)}`);
    }
  };
  await show(accessor.root, '');
  return lines;
}

for (const isSplit of [false, true]) {
  test(`${isSplit ? 'split' : 'plain'} archives give back what was put in`, async () => {
    await fc.assert(
      fc.asyncProperty(directoryTree, fc.integer({ min: 1, max: 200 }), async (tree, size) => {
        const { archive, payload } = await encode(tree, isSplit);
        const expected = describeTree(tree);
        assert.deepEqual(await describeDecoded(archive, payload, size), expected);
        const copy = await copyArchive({ archive, ...(payload && { payload }) }, size);
        assert.equal(Buffer.compare(copy.archive, archive), 0);
        if (payload) assert.equal(Buffer.compare(copy.payload!, payload), 0);
        const accessor = await PxarAccessor.open({
          archive: new MemoryReadAt(archive),
          ...(payload && { payload: new MemoryReadAt(payload) }),
        });
        assert.deepEqual(await describeAccessed(accessor), expected);
      }),
      { numRuns: 150 },
    );
  });
}

test('sinks that make the encoder wait get the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(directoryTree, async (tree) => {
      const { archive, payload } = await encode(tree, true);
      const slow = { archive: new SlowSink(), payload: new SlowSink(), prelude: Buffer.from('p') };
      await writeTree(new PxarEncoder(slow), tree);
      assert.equal(Buffer.compare(slow.archive.bytes(), archive), 0);
      assert.equal(Buffer.compare(slow.payload.bytes(), payload!), 0);
    }),
    { numRuns: 30 },
  );
});
