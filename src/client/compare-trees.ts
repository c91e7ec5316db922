// Compares two directory trees on disk: what a restore has to reproduce, entry by entry.

import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';

export interface TreeDifference {
  /** Path relative to the roots; bytes that are not UTF-8 are replaced. */
  path: string;
  /** What differs: `missing`, `extra`, or the property. */
  what: string;
}

export interface TreeComparison {
  entries: number;
  /** Bytes of file content compared. */
  bytes: number;
  differences: TreeDifference[];
}

const join = (dir: Buffer, name: Buffer): Buffer => Buffer.concat([dir, Buffer.from('/'), name]);

/**
 * Compares names, types, modes, times to the nanosecond, link targets and file content below both roots.
 * Owners are compared only with `owners`, because only root can restore them.
 */
export async function compareTrees(
  left: string,
  right: string,
  options: { owners?: boolean } = {},
): Promise<TreeComparison> {
  const result: TreeComparison = { entries: 0, bytes: 0, differences: [] };
  const compareEntry = async (a: Buffer, b: Buffer, path: string): Promise<void> => {
    result.entries++;
    const [statA, statB] = await Promise.all([lstat(a, { bigint: true }), lstat(b, { bigint: true })]);
    const differ = (what: string) => result.differences.push({ path, what });
    if (statA.mode !== statB.mode) differ('mode');
    if (!statA.isDirectory() && statA.mtimeNs !== statB.mtimeNs) differ('modification time');
    if (options.owners && (statA.uid !== statB.uid || statA.gid !== statB.gid)) differ('owner');
    if (statA.isDirectory() && statB.isDirectory()) {
      await compareDirectory(a, b, path);
      if (path !== '.' && statA.mtimeNs !== statB.mtimeNs) differ('modification time');
    } else if (statA.isSymbolicLink() && statB.isSymbolicLink()) {
      const [targetA, targetB] = await Promise.all([readlink(a, 'buffer'), readlink(b, 'buffer')]);
      if (!targetA.equals(targetB)) differ('link target');
    } else if (statA.isFile() && statB.isFile()) {
      await compareFile(a, b, statA, statB, differ);
    }
  };
  const compareFile = async (
    a: Buffer,
    b: Buffer,
    statA: BigIntStats,
    statB: BigIntStats,
    differ: (what: string) => void,
  ) => {
    if (statA.size !== statB.size) {
      differ('size');
      return;
    }
    result.bytes += Number(statA.size);
    const [digestA, digestB] = await Promise.all([contentDigest(a), contentDigest(b)]);
    if (!digestA.equals(digestB)) differ('content');
  };
  const compareDirectory = async (a: Buffer, b: Buffer, path: string): Promise<void> => {
    const [namesA, namesB] = await Promise.all([listNames(a), listNames(b)]);
    for (const [key, name] of namesA) {
      const below = path === '.' ? name.toString() : `${path}/${name.toString()}`;
      if (namesB.has(key)) await compareEntry(join(a, name), join(b, name), below);
      else result.differences.push({ path: below, what: 'missing' });
    }
    for (const [key, name] of namesB) {
      if (!namesA.has(key))
        result.differences.push({ path: path === '.' ? name.toString() : `${path}/${name.toString()}`, what: 'extra' });
    }
  };
  await compareEntry(Buffer.from(left), Buffer.from(right), '.');
  return result;
}

async function listNames(dir: Buffer): Promise<Map<string, Buffer>> {
  const names = await readdir(dir, { encoding: 'buffer' });
  return new Map(names.map((name) => [name.toString('latin1'), name]));
}

async function contentDigest(path: Buffer): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(part as Buffer);
  return hash.digest();
}
