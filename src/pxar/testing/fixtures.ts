// The archives that the product wrote, and the listings of what is in them (test/golden/pbs-3.2.4/README.md).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { fixtureChunkPath, fixtureDatastore } from '../../../test/support/fixture.ts';
import { productFile } from '../../../test/support/golden.ts';

export interface ExpectedEntry {
  path: Buffer;
  type: 'directory' | 'file' | 'symlink' | 'chardev' | 'blockdev' | 'fifo' | 'socket';
  mode: number;
  uid: number;
  gid: number;
  mtimeNanoseconds: bigint;
  size?: number;
  sha256?: string;
  sameInodeAs?: string;
  target?: string;
  major?: number;
  minor?: number;
  xattrs: Record<string, string>;
}

export interface FixtureArchive {
  name: string;
  archive: () => Buffer;
  /** Name of the listing below `expected/`. */
  tree: string | undefined;
  /** The sum that the fixtures state, where they do. */
  sha256?: string;
}

const sums = new Map(
  productFile('pxar/sha256sums.txt')
    .toString()
    .trim()
    .split('\n')
    .map((line) => [line.slice(66), line.slice(0, 64)] as const),
);

export const smallArchives: FixtureArchive[] = ['acl', 'dev', 'empty-dir', 'home', 'many', 'xattr'].map((name) => ({
  name: `small-${name}.pxar`,
  archive: () => productFile(`pxar/small-${name}.pxar`),
  tree: name === 'empty-dir' ? undefined : name,
  sha256: sums.get(`small-${name}.pxar`)!,
}));

export const standaloneArchive: FixtureArchive = {
  name: 'standalone.pxar',
  archive: () => zstdDecompressSync(productFile('pxar/standalone.pxar.zst')),
  tree: 'T1',
  sha256: sums.get('standalone.pxar')!,
};

/** Archives of the fixture datastore that no key protects. */
export const storedArchives: FixtureArchive[] = [
  ['host/plain-host/2023-11-14T22:13:20Z/root.pxar.didx', 'T1'],
  ['host/plain-host/2023-11-15T22:13:20Z/root.pxar.didx', 'T2'],
  ['host/signed-host/2023-11-14T22:13:20Z/notes.pxar.didx', 'home'],
  ['ns/ns1/ct/200/2023-11-14T22:13:20Z/root.pxar.didx', 'etc'],
  ['ns/ns1/ns/nested/host/tiny/2023-11-15T22:13:20Z/excl.pxar.didx', 'sort'],
].map(([index, tree]) => ({ name: index!, archive: () => assemble(index!), tree }));

/** Puts the chunks of a dynamic index together; they are blobs without encryption (formats.md 3 and 7). */
function assemble(name: string): Buffer {
  const base = fixtureDatastore();
  const index = readFileSync(join(base, name));
  const parts: Buffer[] = [];
  for (let at = 4096; at < index.byteLength; at += 40) {
    const content = readFileSync(fixtureChunkPath(base, index.toString('hex', at + 8, at + 40))).subarray(12);
    const isZstd = content.byteLength >= 4 && content.readUInt32LE(0) === 0xfd2fb528;
    parts.push(isZstd ? zstdDecompressSync(content) : content);
  }
  return Buffer.concat(parts);
}

/** `expected/tree-NAME.jsonl`, by path. */
export function expectedTree(name: string): ExpectedEntry[] {
  const text = productFile(`expected/tree-${name}.jsonl`).toString();
  return text
    .trim()
    .split('\n')
    .map((line) => {
      // Times can be beyond what a JSON number holds exactly.
      const raw = JSON.parse(line.replace(/"mtime_ns": (-?\d+)/, '"mtime_ns": "$1"'));
      const path = raw.path === null ? Buffer.from(raw.path_base64, 'base64') : Buffer.from(raw.path);
      return {
        path: path.toString() === '.' ? Buffer.alloc(0) : path,
        type: raw.type,
        mode: Number.parseInt(raw.mode, 8),
        uid: raw.uid,
        gid: raw.gid,
        mtimeNanoseconds: BigInt(raw.mtime_ns),
        size: raw.size,
        sha256: raw.sha256,
        sameInodeAs: raw.same_inode_as,
        target: raw.target,
        major: raw.major,
        minor: raw.minor,
        xattrs: raw.xattrs_base64 ?? {},
      };
    });
}
