// Garbage collection: starting it, its figures and its schedule.

import { GranaryError } from '../../../base/errors.ts';
import { DatastoreConfig } from '../../../config/datastore-config.ts';
import type { DatastoreSection } from '../../../config/datastore-schema.ts';
import { startGarbageCollection } from '../../../jobs/garbage-collection-job.ts';
import { datastoreAclPath } from '../../../model/backup.ts';
import { parseUpid } from '../../../model/upid.ts';
import { callerOf, hasPrivileges } from '../../../wire/authorize.ts';
import type { CallContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { jobStatus } from '../../config/job-changes.ts';
import { getGcStatus, listGcStatus, listGcStatusOf, startGc } from './gc.contract.ts';
import { gcStatusOf } from './status.ts';

export const gcEndpoints = [
  implement(getGcStatus, async ({ store }, call) => await statusOf(call, sectionOf(call, store))),

  implement(startGc, async ({ store }, call) => {
    // An unknown datastore, or one that may not be changed now, is refused at once.
    await call.server.datastores.get(store, 'write');
    const task = await startGarbageCollection(call.server, store, { authId: callerOf(call), peer: call.peer });
    if (task === undefined) throw new GranaryError('locked', 'Start GC failed - (already running/locked)');
    return task.upid;
  }),

  implement(listGcStatus, async ({ store }, call) => await list(call, store)),

  implement(listGcStatusOf, async ({ store }, call) => await list(call, store)),
];

function sectionOf(call: CallContext, store: string): DatastoreSection {
  return new DatastoreConfig(call.server.directories).get(store).data;
}

/** A datastore that cannot be opened is left out: it does not hide the others. */
async function list(call: CallContext, store: string | undefined) {
  const { data } = new DatastoreConfig(call.server.directories).list();
  const seen = data
    .filter(({ name }) => store === undefined || name === store)
    .filter(({ name }) =>
      hasPrivileges(call.server, callerOf(call), datastoreAclPath(name), {
        any: ['Datastore.Audit', 'Datastore.Modify'],
      }),
    );
  const all = await Promise.all(seen.map((section) => statusOf(call, section).catch(() => undefined)));
  return all.filter((status) => status !== undefined);
}

async function statusOf(call: CallContext, section: DatastoreSection) {
  const { name, 'gc-schedule': schedule } = section;
  const figures = await gcStatusOf(await call.server.datastores.get(name));
  const job = { id: name, ...(schedule === undefined ? {} : { schedule }) };
  const status = await jobStatus(call, 'garbage_collection', job);
  const { 'last-run-upid': upid, 'last-run-endtime': end } = status;
  const start = upid === undefined ? undefined : parseUpid(upid)?.startTime;
  return {
    store: name,
    ...figures,
    ...(schedule === undefined ? {} : { schedule }),
    ...status,
    ...(start === undefined || end === undefined ? {} : { duration: end - start }),
  };
}
