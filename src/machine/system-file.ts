// Changing a file of the system: one change at a time, only if it still is what the caller saw, atomically, with the
// owner and mode that it has.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { checkDigest } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { lockFile } from '../os/file-lock.ts';
import type { Machine } from './machine.ts';

/** SHA-256 of a file's text, lower-case hex; of the empty text for a missing file. */
export function textDigest(text: string | undefined): string {
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex');
}

/** Runs `work` while no other process of this server changes the file. Throws `locked` after ten seconds. */
export async function withSystemFile<T>(directories: Directories, file: string, work: () => Promise<T>): Promise<T> {
  const folder = join(directories.run, 'locks');
  mkdirSync(folder, { recursive: true });
  using lock = await lockFile(join(folder, `.${basename(file)}.lck`), { mode: 'exclusive', waitMs: 10_000 });
  if (lock === undefined) throw new GranaryError('locked', `"${file}" is being changed by somebody else`);
  return await work();
}

/**
 * Puts `change(text)` in the place of the file's text. With a `digest` that is not the file's, nothing is changed and
 * `modified` is thrown.
 */
export async function editSystemFile(
  machine: Machine,
  directories: Directories,
  file: string,
  change: (text: string) => string,
  digest?: string,
): Promise<void> {
  await withSystemFile(directories, file, async () => {
    const before = await machine.read(file);
    checkDigest(textDigest(before), digest);
    const after = change(before ?? '');
    if (after !== before) await replaceSystemFile(machine, file, after);
  });
}

/**
 * Replaces the file, or the one that it is a link to; a new one gets mode 0644. Throws `io` that says why it cannot be
 * replaced.
 */
export async function replaceSystemFile(machine: Machine, file: string, text: string): Promise<void> {
  const named = machine.path(file);
  const target = isLink(machine, file) ? realpathSync(named) : named;
  const present = statSync(target, { throwIfNoEntry: false });
  const owner = process.getuid?.() === 0 && present ? { uid: present.uid, gid: present.gid } : undefined;
  try {
    await replaceFile(target, text, { mode: present ? present.mode & 0o7777 : 0o644, ...(owner && { owner }) });
  } catch (error) {
    if (isErrno(error, 'EBUSY', 'EXDEV')) {
      throw new GranaryError('io', `"${file}" cannot be replaced: it comes from outside of this container`);
    }
    if (isErrno(error, 'EACCES', 'EPERM')) {
      throw new GranaryError('io', `"${file}" cannot be changed: this takes root's rights`, { cause: error });
    }
    throw withContext(`unable to write "${file}"`, error);
  }
}

/** Whether the file's name is a symbolic link. */
export function isLink(machine: Machine, file: string): boolean {
  return lstatSync(machine.path(file), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
