// Archives made by the product are restored, compared with the golden listings, and archived again: the same
// bytes have to come out. A tree with everything in it makes the same way there and back.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { productFile } from '../../test/support/golden.ts';
import {
  buildRichTree,
  describeTree,
  isRoot,
  keepsAttributes,
  parseListing,
  temporaryDirectory,
} from '../../test/support/tree.ts';
import { MemoryReadAt, MemorySink } from '../base/io.ts';
import { CatalogWriter } from '../format/catalog.ts';
import { CatalogReader, formatCatalogLine } from '../format/catalog-reader.ts';
import { extractArchive } from './extract.ts';
import { archiveTree } from './walk.ts';

async function* pieces(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function archive(root: string): Promise<Buffer> {
  const sink = new MemorySink();
  await archiveTree(root, { archive: sink, onWarning: (path, text) => assert.fail(`${path}: ${text}`) });
  return Buffer.from(sink.bytes());
}

const products = [
  ...['acl', 'dev', 'home', 'many', 'xattr'].map((name) => ({
    name: `small-${name}`,
    read: () => productFile(`pxar/small-${name}.pxar`),
    listing: `expected/tree-${name}.jsonl`,
  })),
  {
    name: 'standalone',
    read: () => zstdDecompressSync(productFile('pxar/standalone.pxar.zst')),
    listing: 'expected/tree-T1.jsonl',
  },
];

describe('archives of the product', () => {
  for (const { name, read, listing } of products) {
    it(`restores ${name} and archives it to the same bytes`, async (t) => {
      const dir = temporaryDirectory(t);
      const target = join(dir, 'target');
      const bytes = read();
      const summary = await extractArchive({ archive: pieces(bytes) }, target);
      assert.deepEqual(summary.errors, []);
      const full = isRoot && keepsAttributes(dir);
      if (full) assert.deepEqual(summary.notRestored, []);
      const o = full ? {} : { owners: false, xattrs: false };
      // Without root there are no devices and unreadable files; set-id bits stay off where the owner is another.
      const comparable = (list: ReturnType<typeof describeTree>) =>
        isRoot
          ? list
          : list.filter(
              (e) => !e.type.endsWith('dev') && !/noperm|set[ug]id/.test(e.path ?? '') && e.type !== 'directory',
            );
      assert.deepEqual(
        comparable(describeTree(target, o)),
        comparable(parseListing(productFile(listing).toString(), o)),
      );
      if (full) assert.ok((await archive(target)).equals(bytes));
    });
  }

  it('restores an empty directory', async (t) => {
    const target = join(temporaryDirectory(t), 'target');
    const bytes = productFile('pxar/small-empty-dir.pxar');
    await extractArchive({ archive: pieces(bytes, 7) }, target);
    assert.deepEqual(fs.readdirSync(target), []);
    if (isRoot) assert.ok((await archive(target)).equals(bytes));
  });

  it('makes the catalog that the product made of the same tree', async (t) => {
    const target = join(temporaryDirectory(t), 'target');
    const bytes = zstdDecompressSync(productFile('pxar/standalone.pxar.zst'));
    await extractArchive({ archive: pieces(bytes) }, target, { ignoreOwnership: true });
    const sink = new MemorySink();
    const catalog = new CatalogWriter(sink);
    await archiveTree(target, { archive: new MemorySink(), catalog, archiveName: 'root.pxar.didx' });
    await catalog.finish();
    const lines: string[] = [];
    for await (const { path, entry } of new CatalogReader(new MemoryReadAt(sink.bytes())).walk()) {
      lines.push(formatCatalogLine(path, entry));
    }
    const expected = productFile('cli/catalog-dump.host_plain-host.2023-11-14T22:13:20Z.txt')
      .toString()
      .trimEnd()
      .split('\n');
    const comparable = (list: string[]) => (isRoot ? list : list.filter((line) => !/^[bc]|noperm/.test(line)));
    assert.equal(lines.join('\n'), comparable(expected).join('\n'));
  });
});

describe('a tree with everything in it', () => {
  it('comes back as it was, from one stream', async (t) => {
    const dir = temporaryDirectory(t);
    fs.mkdirSync(join(dir, 'source'));
    buildRichTree(join(dir, 'source'));
    const bytes = await archive(join(dir, 'source'));
    const summary = await extractArchive({ archive: pieces(bytes, 4099) }, join(dir, 'target'));
    assert.deepEqual([summary.errors, summary.notRestored], [[], []]);
    assert.deepEqual(describeTree(join(dir, 'target')), describeTree(join(dir, 'source')));
    assert.ok((await archive(join(dir, 'target'))).equals(bytes));
    const sparse = fs.statSync(join(dir, 'target/sparse'));
    assert.ok(sparse.blocks * 512 < 200_000, `sparse file takes ${sparse.blocks} blocks`);
  });

  it('comes back as it was, from metadata and payload', async (t) => {
    const dir = temporaryDirectory(t);
    fs.mkdirSync(join(dir, 'source'));
    buildRichTree(join(dir, 'source'));
    const metadata = new MemorySink();
    const offsets: number[] = [];
    const payload = Object.assign(new MemorySink(), { suggest: (offset: number) => void offsets.push(offset) });
    const summary = await archiveTree(join(dir, 'source'), { archive: metadata, payload });
    assert.equal(offsets.length, summary.files);
    assert.equal(offsets[0], 16);
    for (const offset of offsets) {
      assert.equal(Buffer.from(payload.bytes()).readBigUInt64LE(offset), 0x28147a1b0b7c1a25n);
    }
    await extractArchive(
      { archive: pieces(metadata.bytes(), 999), payload: pieces(payload.bytes(), 65_536) },
      join(dir, 'target'),
    );
    assert.deepEqual(describeTree(join(dir, 'target')), describeTree(join(dir, 'source')));
  });
});
