// Mounting and unmounting removable datastores.

import { startMount } from '../../../jobs/mount-job.ts';
import type { JobCaller } from '../../../jobs/run-job.ts';
import { startUnmount } from '../../../jobs/unmount-job.ts';
import { datastoreAclPath } from '../../../model/backup.ts';
import { callerOf, requirePrivileges } from '../../../wire/authorize.ts';
import type { CallContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { mountDatastore, unmountDatastore } from './mount.contract.ts';

export const mountEndpoints = [
  implement(mountDatastore, async ({ store }, call) => {
    return (await startMount(call.server, store, allowedCaller(call, store))).upid;
  }),

  implement(unmountDatastore, async ({ store }, call) => {
    return (await startUnmount(call.server, store, allowedCaller(call, store))).upid;
  }),
];

/** Throws `permission-denied` for whoever may not change both the datastore and the machine's disks. */
function allowedCaller(call: CallContext, store: string): JobCaller {
  requirePrivileges(call, datastoreAclPath(store), { all: ['Datastore.Modify'] });
  requirePrivileges(call, '/system/disks', { all: ['Sys.Modify'] });
  return { authId: callerOf(call), peer: call.peer };
}
