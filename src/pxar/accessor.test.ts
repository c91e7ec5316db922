// The accessor beyond what fixtures and random trees show: colliding hashes, large directories, version 2 tables,
// damage in tables, failing sources.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import { MemoryReadAt, MemorySink, type ReadAt } from '../base/io.ts';
import { type DirectoryNode, PxarAccessor } from './accessor.ts';
import { PxarEncoder } from './encoder.ts';
import { PreviousDirectory } from './previous.ts';
import { hash, siphash } from './siphash.ts';
import { noAcl, type PxarMetadata } from './types.ts';

const golden = vectors<Record<'v1_archive_hex' | 'v2_mpxar_hex' | 'v2_ppxar_hex', string>>('pxar');
const mpxar = Buffer.from(golden.v2_mpxar_hex, 'hex');
const ppxar = Buffer.from(golden.v2_ppxar_hex, 'hex');
const bytes = (text: string) => Buffer.from(text, 'latin1');
const meta = (mode: number): PxarMetadata => ({
  mode,
  flags: 0n,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0n, nanos: 0 },
  xattrs: [],
  acl: noAcl,
});
const isDamage = (error: unknown) => error instanceof GranaryError && error.code === 'pxar-invalid';

function archiveOf(names: string[]): Buffer {
  const archive = new MemorySink();
  const encoder = new PxarEncoder({ archive });
  encoder.start(meta(0o40755));
  for (const name of names) {
    encoder.startFile(bytes(name), meta(0o100644), name.length);
    archive.write(bytes(name));
    encoder.endFile();
  }
  encoder.finish();
  return Buffer.from(archive.bytes());
}

async function contentAt(accessor: PxarAccessor, path: string): Promise<string | undefined> {
  const node = await accessor.lookup(bytes(path));
  if (node === undefined) return undefined;
  const file = await accessor.follow(node);
  assert.ok(file.kind === 'file');
  const content = await accessor.content(file);
  return Buffer.from(await content.readAt(0, content.size)).toString('latin1');
}

test('a split archive: prelude, contents, hard link, sizes that reach beyond the stream', async () => {
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(mpxar), payload: new MemoryReadAt(ppxar) });
  assert.equal(Buffer.from(accessor.prelude!).toString(), '{"exclude-patterns":"*.tmp\\n"}');
  assert.equal(await contentAt(accessor, '/a.txt'), 'hello\n');
  assert.equal(await contentAt(accessor, './zhard'), 'hello\n');
  assert.equal((await contentAt(accessor, 'b.bin'))?.length, 10);
  assert.equal(await contentAt(accessor, 'a.txt/x'), undefined);
  assert.equal(await accessor.lookup(bytes('..')), undefined);
  assert.equal(await accessor.lookup(bytes('/')), accessor.root);
});

test('the payload stream is checked before content is given', async () => {
  const open = async (payload: Buffer) => {
    const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(mpxar), payload: new MemoryReadAt(payload) });
    return contentAt(accessor, 'b.bin');
  };
  const changed = (at: number) => Buffer.from(ppxar).fill(0xaa, at, at + 1);
  await assert.rejects(open(changed(0)), isDamage);
  await assert.rejects(open(changed(38)), isDamage);
  await assert.rejects(open(changed(46)), isDamage);
  await assert.rejects(open(ppxar.subarray(0, 60)), isDamage);
  const without = await PxarAccessor.open({ archive: new MemoryReadAt(mpxar) });
  await assert.rejects(contentAt(without, 'a.txt'), { code: 'bad-request' });
});

test('names with equal hashes are told apart by name, wherever they are in the tree', async () => {
  const names = Array.from({ length: 9 }, (_, i) => `name-${i}`);
  const archive = archiveOf(names);
  const table = archive.byteLength - 24 * (names.length + 1);
  siphash(bytes('name-3'));
  // All rows get the hash of one name, so that it may be at any place of the table.
  for (let row = 0; row < names.length; row++) {
    archive.writeUInt32LE(hash.lo, table + 24 * row);
    archive.writeUInt32LE(hash.hi, table + 24 * row + 4);
  }
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive) });
  assert.equal(await contentAt(accessor, 'name-3'), 'name-3');
  assert.equal(await contentAt(accessor, 'name-4'), undefined);
});

test('a directory whose table is too long to keep', async () => {
  const names = Array.from({ length: 45_000 }, (_, i) => `file-${String(i).padStart(6, '0')}`);
  const archive = archiveOf(names);
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive) });
  for (const name of ['file-000000', 'file-022000', 'file-044999']) assert.equal(await contentAt(accessor, name), name);
  assert.equal(await contentAt(accessor, 'file-045000'), undefined);
  let count = 0;
  for await (const node of accessor.list(accessor.root)) {
    if (count % 1000 === 0) assert.equal(Buffer.from(node.name).toString(), names[count]);
    count++;
  }
  assert.equal(count, names.length);
});

test('tables that lie about children are refused', async () => {
  const archive = archiveOf(['a', 'b', 'c']);
  const table = archive.byteLength - 24 * 4;
  const changed = (at: number, value: bigint) => {
    const copy = Buffer.from(archive);
    copy.writeBigUInt64LE(value, at);
    return copy;
  };
  const listAll = async (data: Buffer) => {
    const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(data) });
    let count = 0;
    for await (const _ of accessor.list(accessor.root)) count++;
    return count;
  };
  assert.equal(await listAll(archive), 3);
  const first = archive.readBigUInt64LE(table + 8);
  const second = archive.readBigUInt64LE(table + 32);
  await assert.rejects(listAll(changed(table + 8, second)), isDamage, 'the same child twice');
  await assert.rejects(listAll(changed(table + 8, first + 1n)), isDamage, 'between items');
  await assert.rejects(listAll(changed(table + 8, 0n)), isDamage, 'the table itself');
  await assert.rejects(listAll(changed(table + 8, 2n ** 60n)), isDamage, 'beyond all numbers');
  await assert.rejects(listAll(changed(table + 8, 100_000n)), isDamage, 'before the archive');
  await assert.rejects(listAll(changed(archive.byteLength - 8, 2n ** 40n)), isDamage, 'a table before the archive');
  await assert.rejects(listAll(changed(archive.byteLength - 16, 56n)), isDamage, 'another directory');
  await assert.rejects(listAll(changed(archive.byteLength - 24, 1n)), isDamage, 'no tail');
});

test('a hard link that points in front of all files is refused', async () => {
  const archive = Buffer.from(golden.v1_archive_hex, 'hex');
  archive.writeBigUInt64LE(334n, 372);
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive) });
  const node = await accessor.lookup(bytes('dir/zhard'));
  assert.ok(node?.kind === 'hardlink');
  await assert.rejects(accessor.follow(node), isDamage);
});

test('errors of the source pass through, and the next try works', async () => {
  const inner = new MemoryReadAt(Buffer.from(golden.v1_archive_hex, 'hex'));
  let failures = 0;
  const flaky: ReadAt = {
    size: inner.size,
    async readAt(offset, length) {
      if (failures > 0) {
        failures--;
        throw new GranaryError('connection', 'the connection was lost');
      }
      return inner.readAt(offset, length);
    },
  };
  const accessor = await PxarAccessor.open({ archive: flaky });
  for (let i = 1; i < 4; i++) {
    failures = 1;
    await assert.rejects(accessor.lookup(bytes('dir/zhard')), { code: 'connection' });
    assert.equal(failures, 0);
    assert.ok(await accessor.lookup(bytes('dir/zhard')));
  }
});

test('the previous directory is searched alongside the current one', async () => {
  const archive = archiveOf(['b', 'd', 'e', 'g']);
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive) });
  const previous = new PreviousDirectory(accessor, accessor.root as DirectoryNode);
  const found: boolean[] = [];
  for (const name of 'abcdfgh') found.push((await previous.find(bytes(name))) !== undefined);
  assert.deepEqual(found, [false, true, false, true, false, true, false]);
});
