// Owner and modes of what a datastore holds (formats.md 13.1): user and group `backup` when this process is
// privileged and the machine has that user, otherwise simply its own; modes whatever the umask is.

import * as fs from 'node:fs';
import { isErrno } from '../base/errors.ts';
import { systemAccount } from '../os/accounts.ts';
import type { FileOwner } from '../os/inherit-owner.ts';

let known: { owner: FileOwner | undefined } | undefined;

/** Whom new files belong to; undefined: leave them to whom the system gives them. */
export function storeOwner(): FileOwner | undefined {
  known ??= { owner: process.getuid?.() === 0 ? systemAccount('backup') : undefined };
  return known.owner;
}

/** Makes one directory with exactly this mode; false when there is one already, which is left alone. */
export function makeDirectorySync(path: string, mode = 0o755): boolean {
  try {
    fs.mkdirSync(path, mode);
  } catch (error) {
    if (isErrno(error, 'EEXIST') && fs.statSync(path).isDirectory()) return false;
    throw error;
  }
  fs.chmodSync(path, mode);
  const owner = storeOwner();
  if (owner) fs.chownSync(path, owner.uid, owner.gid);
  return true;
}
