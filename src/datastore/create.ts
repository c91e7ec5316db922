// Making a datastore, or recognising one that is there (formats.md 13.1, config-and-tasks.md 9).

import * as fs from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import { chunksDirectory, createChunkTree, createLockFile, hasChunks, isPrefixName } from '../chunk-store/layout.ts';
import { makeDirectorySync, storeOwner } from '../chunk-store/ownership.ts';
import { failpoint } from '../os/failpoint.ts';
import { touchAccessTimeSync } from '../os/times.ts';
import { asGranaryError } from './store-context.ts';

/**
 * Makes an empty datastore at `path`, which must be absolute, not the root directory, and not exist or be empty but
 * for hidden files and `lost+found`. A path that holds a datastore already is recognised and left exactly as it is.
 * `isLocalPart`: its chunks are elsewhere; directories for digests are made when they are needed.
 * Whether it lies inside another datastore is for the caller to check with `nestedPath`.
 */
export async function createDatastore(
  path: string,
  options: { onProgress?: (percent: number) => void; signal?: AbortSignal; isLocalPart?: boolean } = {},
): Promise<'created' | 'reused'> {
  if (!isAbsolute(path)) throw new GranaryError('bad-request', `datastore path '${path}' is not absolute`);
  const base = normalize(path).replace(/\/+$/, '');
  if (base === '') throw new GranaryError('bad-request', 'the root directory cannot be a datastore');
  try {
    if (hasChunks(base)) {
      requireChunkTree(base);
      return 'reused';
    }
    requireEmpty(base);
    makeBase(base);
    probeAccessTimes(base);
    if (options.isLocalPart) {
      createLockFile(base);
      makeDirectorySync(chunksDirectory(base), 0o750);
    } else await createChunkTree(base, options);
    return 'created';
  } catch (error) {
    throw asGranaryError(`unable to create datastore at '${base}'`, error);
  }
}

/**
 * Refuses at once what `createDatastore` would refuse: a place that is neither empty nor, with `reuse`, a datastore.
 * Changes nothing.
 */
export function checkCreatable(path: string, reuse: boolean): void {
  const base = normalize(path).replace(/\/+$/, '');
  if (base === '') throw new GranaryError('bad-request', 'the root directory cannot be a datastore');
  try {
    const present = hasChunks(base);
    if (present && !reuse) {
      throw new GranaryError('bad-request', `datastore path not empty: '${base}' holds a datastore already`);
    }
    if (!present && reuse) {
      throw new GranaryError('bad-request', `there is no datastore to reuse in '${base}': it has no '.chunks'`);
    }
    if (present) requireChunkTree(base);
    else requireEmpty(base);
  } catch (error) {
    throw asGranaryError(`unable to create datastore at '${base}'`, error);
  }
}

/**
 * The first of `others` that lies in `path`, is `path`, or holds it, by name, through symbolic links, or as the same
 * directory mounted twice; datastores must not be nested.
 */
export function nestedPath(path: string, others: readonly string[]): string | undefined {
  return others.find(
    (other) => isNested(path, other) || isNested(realPath(path), realPath(other)) || isSameDirectory(path, other),
  );
}

function isNested(a: string, b: string): boolean {
  const withSlash = (text: string): string => `${normalize(text).replace(/\/+$/, '')}/`;
  return withSlash(a).startsWith(withSlash(b)) || withSlash(b).startsWith(withSlash(a));
}

/** The path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  if (!isAbsolute(path)) return path;
  try {
    return fs.realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

function isSameDirectory(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => (isAbsolute(path) ? statIfExists(path) : undefined));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

function statIfExists(path: string): fs.BigIntStats | undefined {
  try {
    return fs.statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/**
 * Throws unless `.chunks` is that of a datastore: directories of digests may be missing, but nothing else may be there
 * except for what a file system of its own has at its root, and hidden files.
 */
export function requireChunkTree(base: string): void {
  const stray = fs
    .readdirSync(chunksDirectory(base), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && name !== 'lost+found')
    .find((entry) => !entry.isDirectory() || !isPrefixName(entry.name));
  if (stray) {
    const text = `'${chunksDirectory(base)}' is not the chunk directory of a datastore: it has an entry '${stray.name}'`;
    throw new GranaryError('bad-request', text);
  }
}

function requireEmpty(base: string): void {
  let names: string[];
  try {
    names = fs.readdirSync(base);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const other = names.find((name) => !name.startsWith('.') && name !== 'lost+found');
  if (other === undefined) return;
  throw new GranaryError('bad-request', `datastore path not empty: '${base}' has an entry '${other}'`);
}

function makeBase(base: string): void {
  fs.mkdirSync(dirname(base), { recursive: true });
  if (makeDirectorySync(base)) return;
  const owner = storeOwner();
  if (owner) fs.chownSync(base, owner.uid, owner.gid);
}

/**
 * Tries that access times can be set in a directory, on which garbage collection lives, and gives what the file system
 * takes for now, epoch seconds. Throws `bad-request` for a file system that ignores explicit updates.
 */
export function probeAccessTimes(directory: string): number {
  const probe = `${directory}/.tmp_access-time-${process.pid}`;
  const old = 1_000_000_000;
  try {
    fs.writeFileSync(probe, '');
    fs.utimesSync(probe, old, old);
    touchAccessTimeSync(probe);
    failpoint('access-time:probed');
    const { atimeMs, mtimeMs } = fs.statSync(probe);
    if (atimeMs > old * 1000 && mtimeMs === old * 1000) return Math.floor(atimeMs / 1000);
  } finally {
    fs.rmSync(probe, { force: true });
  }
  throw new GranaryError(
    'bad-request',
    `access time updates do not work at '${directory}': garbage collection needs them`,
  );
}
