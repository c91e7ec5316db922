// Steps that every way of making a snapshot has: whose the group is, and making everything durable before the manifest.

import { GranaryError } from '../base/errors.ts';
import { makeDirectorySync } from '../chunk-store/ownership.ts';
import type { AuthId } from '../model/auth-id.ts';
import type { BackupGroup, Namespace } from '../model/backup.ts';
import { syncDirectory } from '../os/atomic-file.ts';
import { failpoint } from '../os/failpoint.ts';
import { readOwner, snapshotTimes, writeGroupFile } from './groups.ts';
import { groupDirectory, namespaceDirectory, type StoreContext } from './store-context.ts';

/** The owner of the group; a group that has nothing in it yet becomes the caller's. Needs the group lock. */
export async function claimGroup(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
  caller: AuthId,
): Promise<{ owner: AuthId; claimed: boolean }> {
  const directory = groupDirectory(store, ns, group);
  makeDirectorySync(`${namespaceDirectory(store, ns)}/${group.type}`);
  makeDirectorySync(directory);
  failpoint('begin:after-group-directory');
  try {
    return { owner: await readOwner(store, ns, group), claimed: false };
  } catch (error) {
    // Without snapshots nobody can own it: it is new, or was left behind by a crash in these very lines.
    const unowned = error instanceof GranaryError && error.code === 'not-found';
    if (!unowned || (await snapshotTimes(store, ns, group)).length > 0) throw error;
    await writeGroupFile(store, ns, group, 'owner', `${caller}\n`);
    return { owner: caller, claimed: true };
  }
}

/** All that a manifest refers to, and the directories that lead to it, as far as the datastore is set to care. */
export async function makeDurable(store: StoreContext, snapshotDirectory: string): Promise<void> {
  failpoint('commit:before-sync');
  await store.chunks.sync();
  if (store.syncLevel === 'file') {
    // From the snapshot up to the datastore itself.
    let path = snapshotDirectory;
    for (; path.length >= store.base.length; path = path.slice(0, path.lastIndexOf('/'))) await syncDirectory(path);
  }
  failpoint('commit:after-sync');
}
