// The locks of groups, snapshots and manifests: flock on files outside of the datastore, named as the 4.x line
// names them, so that both products exclude each other on one machine (formats.md 15.2, backup-protocol.md 9).

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import { type BackupGroup, type BackupSnapshot, formatGroup, formatSnapshot, type Namespace } from '../model/backup.ts';
import { escapeId } from '../model/upid.ts';
import { type FileLock, type LockMode, lockFile } from '../os/file-lock.ts';

const longestName = 255;
const manifestWaitMs = 5000;

/** The lock file of `vm/100`, `vm/100/TIME` or `vm/100/TIME/.index.json.lck`, relative to its namespace's directory. */
export function lockFileName(path: string): string {
  const escaped = escapeId(path);
  if (escaped.length < longestName) return escaped;
  const sum = createHash('sha256').update(path).digest('hex');
  return `hashed/${escaped.slice(0, 80)}...${escaped.slice(-80)}-${sum}`;
}

/** The locks of one datastore. All but the manifest's are taken at once or not at all. */
export class DatastoreLocks {
  /** The directory of this datastore's lock files. */
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  group(ns: Namespace, group: BackupGroup): Promise<FileLock> {
    return this.#take(ns, formatGroup(group), 'exclusive', 'backup group lock');
  }

  snapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<FileLock> {
    return this.#take(ns, formatSnapshot(snapshot), 'exclusive', 'snapshot lock');
  }

  snapshotShared(ns: Namespace, snapshot: BackupSnapshot): Promise<FileLock> {
    return this.#take(ns, formatSnapshot(snapshot), 'shared', 'shared snapshot lock');
  }

  /** Waits up to five seconds. */
  manifest(ns: Namespace, snapshot: BackupSnapshot): Promise<FileLock> {
    const path = `${formatSnapshot(snapshot)}/.index.json.lck`;
    return this.#take(ns, path, 'exclusive', 'manifest lock', manifestWaitMs);
  }

  async #take(ns: Namespace, what: string, mode: LockMode, name: string, waitMs = 0): Promise<FileLock> {
    const directory = ns.length === 0 ? this.directory : `${this.directory}/${ns.join(':')}`;
    const path = `${directory}/${lockFileName(what)}`;
    let lock: FileLock | undefined;
    try {
      lock = await takeIn(path, mode, waitMs);
    } catch (error) {
      throw new GranaryError('io', `unable to acquire ${name} "${path}" - ${String(error)}`, { cause: error });
    }
    if (!lock) throw new GranaryError('locked', `unable to acquire ${name} "${path}"`);
    return lock;
  }
}

async function takeIn(path: string, mode: LockMode, waitMs: number): Promise<FileLock | undefined> {
  let lock: FileLock | undefined;
  try {
    lock = await lockFile(path, { mode, waitMs });
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    makeLockDirectory(dirname(path));
    lock = await lockFile(path, { mode, waitMs });
  }
  // A privileged process must not lock out the unprivileged one that serves the same store.
  const owner = storeOwner();
  if (lock && owner) fs.chownSync(path, owner.uid, owner.gid);
  return lock;
}

/** Makes a directory for lock files and whatever is missing above it. */
export function makeLockDirectory(path: string): void {
  const first = fs.mkdirSync(path, { recursive: true, mode: 0o770 });
  const owner = storeOwner();
  if (first === undefined || !owner) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) fs.chownSync(made, owner.uid, owner.gid);
}
