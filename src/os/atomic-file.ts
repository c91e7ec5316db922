// Replacing and creating small files so that a crash leaves the old or the new content, never a mixture:
// temporary file beside the target, write, fsync, rename, fsync of the directory (formats.md 13.3).

import { randomInt } from 'node:crypto';
import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { isErrno } from '../base/errors.ts';
import { failpoint } from './failpoint.ts';
import { AT_FDCWD, callOffThread, cString, lastError, native, systemError } from './libc.ts';

export interface WriteOptions {
  /** Permission bits, set whatever the umask is. Default 0644. */
  mode?: number;
  /** Whether file and directory are fsynced before the call returns. Default true. */
  durable?: boolean;
  /** Owner to set, for privileged processes. */
  owner?: { uid: number; gid: number };
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** `path` with its last extension replaced by `tmp_` and six random characters. */
export function temporaryName(path: string): string {
  let random = '';
  for (let i = 0; i < 6; i++) random += alphabet[randomInt(alphabet.length)]!;
  return `${path.slice(0, path.length - extname(path).length)}.tmp_${random}`;
}

/** Puts `data` in the place of `path`'s content, or makes the file. Readers see the old or the new content. */
export async function replaceFile(path: string, data: Uint8Array | string, o: WriteOptions = {}): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeTemporary(temporary, data, o);
    await fs.promises.rename(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  failpoint('atomic-file:after-rename');
  if (o.durable ?? true) await syncDirectory(dirname(path));
  failpoint('atomic-file:after-dir-fsync');
}

/** `replaceFile` for callers that must not yield. */
export function replaceFileSync(path: string, data: Uint8Array | string, o: WriteOptions = {}): void {
  const temporary = temporaryName(path);
  try {
    writeTemporarySync(temporary, data, o);
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  failpoint('atomic-file:after-rename');
  if (o.durable ?? true) syncDirectorySync(dirname(path));
  failpoint('atomic-file:after-dir-fsync');
}

/**
 * Makes `path` with this content and returns true, or returns false when it exists already (which is
 * left alone). After a crash the file is complete or absent.
 */
export async function createFileExclusive(
  path: string,
  data: Uint8Array | string,
  o: WriteOptions = {},
): Promise<boolean> {
  const temporary = temporaryName(path);
  try {
    await writeTemporary(temporary, data, o);
    if (!publish(temporary, path)) return false;
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  failpoint('atomic-file:after-rename');
  if (o.durable ?? true) await syncDirectory(dirname(path));
  failpoint('atomic-file:after-dir-fsync');
  return true;
}

/** Makes a directory's entries durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  await handle.sync();
}

export function syncDirectorySync(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

const syncfs = native('int syncfs(int fd)');

/** Makes everything written to the file system of `path` durable (syncfs), without blocking this thread. */
export async function syncFileSystem(path: string): Promise<void> {
  await using handle = await open(path, fs.constants.O_RDONLY);
  const result = await callOffThread(syncfs(), handle.fd);
  // The errno of the other thread is not known here; EIO is the one that syncfs reports for lost data.
  if (result !== 0) throw systemError(5, 'syncfs', path);
}

async function writeTemporary(temporary: string, data: Uint8Array | string, o: WriteOptions): Promise<void> {
  failpoint('atomic-file:before-write');
  await using handle = await open(temporary, 'wx', 0o600);
  await handle.writeFile(data);
  failpoint('atomic-file:after-write');
  if (o.owner) await handle.chown(o.owner.uid, o.owner.gid);
  await handle.chmod(o.mode ?? 0o644);
  if (o.durable ?? true) await handle.sync();
  failpoint('atomic-file:after-fsync');
}

function writeTemporarySync(temporary: string, data: Uint8Array | string, o: WriteOptions): void {
  failpoint('atomic-file:before-write');
  const fd = fs.openSync(temporary, 'wx', 0o600);
  try {
    fs.writeFileSync(fd, data);
    failpoint('atomic-file:after-write');
    if (o.owner) fs.fchownSync(fd, o.owner.uid, o.owner.gid);
    fs.fchmodSync(fd, o.mode ?? 0o644);
    if (o.durable ?? true) fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  failpoint('atomic-file:after-fsync');
}

const renameat2 = native('int renameat2(int, const void *, int, const void *, unsigned int)');
const RENAME_NOREPLACE = 1;

/** Renames `from` to `to` unless that name is taken: then false, and nothing has changed. */
export function renameExclusiveSync(from: string, to: string): boolean {
  if (!publish(from, to)) return false;
  fs.rmSync(from, { force: true });
  return true;
}

/** Gives the finished temporary file its name unless that is taken; false if it is. */
function publish(temporary: string, path: string): boolean {
  try {
    fs.linkSync(temporary, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    // A file system without hard links.
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) throw error;
  }
  if (renameat2()(AT_FDCWD, cString(temporary, 0), AT_FDCWD, cString(path, 1), RENAME_NOREPLACE) === 0) return true;
  const error = lastError('renameat2', path);
  if (isErrno(error, 'EEXIST')) return false;
  throw error;
}
