// Every archive that the product wrote: decoded as listed, encoded again byte for byte, found by path, listed as it does.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { MemoryReadAt } from '../base/io.ts';
import { type DirectoryNode, PxarAccessor, type PxarNode } from './accessor.ts';
import { decodePxar } from './decoder.ts';
import { listPxar } from './list.ts';
import { accessAclToKernel, defaultAclToKernel } from './posix-acl.ts';
import { copyArchive } from './testing/copy.ts';
import {
  type ExpectedEntry,
  expectedTree,
  type FixtureArchive,
  smallArchives,
  standaloneArchive,
  storedArchives,
} from './testing/fixtures.ts';
import { contentOf, pieces } from './testing/streams.ts';
import { fileType, fileTypeMask, type PxarMetadata } from './types.ts';

const archives = [...smallArchives, standaloneArchive, ...storedArchives];
const typeBits: Record<ExpectedEntry['type'], number> = {
  directory: fileType.directory,
  file: fileType.regular,
  symlink: fileType.symlink,
  chardev: fileType.characterDevice,
  blockdev: fileType.blockDevice,
  fifo: fileType.fifo,
  socket: fileType.socket,
};

function attributesOf(meta: PxarMetadata): Record<string, string> {
  const all: Record<string, string> = {};
  const set = (name: string, value: Uint8Array | undefined) => {
    if (value !== undefined) all[name] = Buffer.from(value).toString('base64');
  };
  for (const { name, value } of meta.xattrs) set(Buffer.from(name).toString(), value);
  set('security.capability', meta.fcaps);
  set('system.posix_acl_access', accessAclToKernel(meta)?.value);
  set('system.posix_acl_default', defaultAclToKernel(meta));
  return all;
}

function checkMetadata(meta: PxarMetadata, expected: ExpectedEntry): void {
  const path = expected.path.toString();
  assert.equal(meta.mode & fileTypeMask, typeBits[expected.type], path);
  assert.equal(meta.mode & 0o7777, expected.mode, path);
  assert.equal(meta.uid, expected.uid, path);
  assert.equal(meta.gid, expected.gid, path);
  assert.equal(meta.mtime.seconds * 1_000_000_000n + BigInt(meta.mtime.nanos), expected.mtimeNanoseconds, path);
  assert.deepEqual(attributesOf(meta), expected.xattrs, path);
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function checkDecoded({ archive, tree }: FixtureArchive): Promise<void> {
  const left = new Map(
    (tree === undefined ? [] : expectedTree(tree)).map((entry) => [entry.path.toString('hex'), entry]),
  );
  for await (const event of decodePxar({ archive: pieces(archive(), 65536) })) {
    if (event.kind === 'end-directory' || event.kind === 'prelude' || tree === undefined) continue;
    const key = Buffer.from(event.path).toString('hex');
    const expected = left.get(key);
    assert.ok(expected, `unexpected ${Buffer.from(event.path)}`);
    left.delete(key);
    if (event.kind === 'hardlink') {
      assert.equal(Buffer.from(event.target).toString(), expected.sameInodeAs);
      continue;
    }
    assert.equal(expected.sameInodeAs, undefined);
    checkMetadata(event.meta, expected);
    if (event.kind === 'symlink') assert.equal(Buffer.from(event.target).toString(), expected.target);
    if (event.kind === 'device') assert.deepEqual([event.major, event.minor], [expected.major, expected.minor]);
    if (event.kind === 'file') {
      assert.equal(event.size, expected.size);
      assert.equal(sha256(await contentOf(event.content())), expected.sha256);
    }
  }
  assert.deepEqual([...left.values()], []);
}

async function checkAccess({ archive, tree }: FixtureArchive): Promise<void> {
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive()) });
  const expectedEntries = tree === undefined ? [] : expectedTree(tree);
  for (const expected of expectedEntries) {
    const found = await accessor.lookup(expected.path);
    assert.ok(found, expected.path.toString());
    assert.equal(found.kind === 'hardlink', expected.sameInodeAs !== undefined);
    const node = await accessor.follow(found);
    checkMetadata(node.meta, expected);
    if (node.kind === 'symlink') assert.equal(Buffer.from(node.target).toString(), expected.target);
    if (node.kind === 'device') assert.deepEqual([node.major, node.minor], [expected.major, expected.minor]);
    if (node.kind === 'file') {
      assert.equal(node.size, expected.size);
      const content = await accessor.content(node);
      assert.equal(sha256(await content.readAt(0, node.size)), expected.sha256);
      await assert.rejects(content.readAt(0, node.size + 1), RangeError);
    }
    assert.equal(await accessor.lookup(Buffer.concat([expected.path, Buffer.from('/no-such-name')])), undefined);
  }
  if (tree !== undefined) assert.equal(await countBelow(accessor, accessor.root), expectedEntries.length);
}

async function countBelow(accessor: PxarAccessor, directory: DirectoryNode): Promise<number> {
  let count = 1;
  let before: PxarNode | undefined;
  for await (const node of accessor.list(directory)) {
    if (before) assert.ok(Buffer.compare(before.name, node.name) < 0 || node.name[0] === 0x2e);
    before = node;
    count += node.kind === 'directory' ? await countBelow(accessor, node) : 1;
  }
  return count;
}

for (const fixture of archives) {
  test(`${fixture.name} decodes to what the listing says`, () => checkDecoded(fixture));

  test(`${fixture.name} is found by path as the listing says`, () => checkAccess(fixture));

  test(`${fixture.name} is encoded again byte for byte`, async () => {
    const bytes = fixture.archive();
    if (fixture.sha256 !== undefined) assert.equal(sha256(bytes), fixture.sha256);
    const sizes = bytes.byteLength < 100_000 ? [1, 13, 4096, bytes.byteLength] : [65536, bytes.byteLength];
    for (const size of sizes) {
      const copy = await copyArchive({ archive: bytes }, size);
      assert.ok(bytes.equals(copy.archive), `in pieces of ${size}`);
    }
  });
}

test('the archive of the datastore is the one that the archive tool wrote', () => {
  assert.ok(storedArchives[0]!.archive().equals(standaloneArchive.archive()));
});

test('the list is the one that the archive tool prints', async () => {
  const cases = [
    [standaloneArchive, 'cli/pxar-list.txt'],
    [smallArchives.find((a) => a.name === 'small-home.pxar')!, 'cli/pxar-list-small-home.txt'],
  ] as const;
  for (const [fixture, list] of cases) {
    const lines: string[] = [];
    for await (const line of listPxar({ archive: pieces(fixture.archive(), 65536) })) lines.push(line);
    assert.equal(`${lines.join('\n')}\n`, productFile(list).toString());
  }
});
