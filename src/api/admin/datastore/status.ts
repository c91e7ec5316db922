// Space and counts of a datastore.

import path from 'node:path';
import { GranaryError } from '../../../base/errors.ts';
import { DatastoreConfig } from '../../../config/datastore-config.ts';
import { type DatastoreSection, parseBackend } from '../../../config/datastore-schema.ts';
import type { Datastore } from '../../../datastore/datastore.ts';
import { deduplicationFactor } from '../../../datastore/garbage-collection.ts';
import { StoreWriters } from '../../../datastore/writers.ts';
import { datastorePath, mountStatus } from '../../../machine/removable-datastore.ts';
import { datastoreAclPath } from '../../../model/backup.ts';
import { privileges } from '../../../model/privileges.ts';
import { readTraffic } from '../../../object-store/traffic-counts.ts';
import { processName } from '../../../os/process.ts';
import { callerOf, hasPrivileges } from '../../../wire/authorize.ts';
import type { ServerContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { datastoreTrafficFile } from '../../../wire/object-stores.ts';
import { activeOperations, datastoreStatus } from './status.contract.ts';

export const statusEndpoints = [
  implement(datastoreStatus, async ({ store: name, verbose }, call) => {
    const { server } = call;
    const caller = callerOf(call);
    const aclPath = datastoreAclPath(name);
    const sees = hasPrivileges(server, caller, aclPath, { any: ['Datastore.Audit', 'Datastore.Backup'] });
    if (!sees && !server.access.anyBelow(caller, aclPath, privileges)) {
      const names = 'Datastore.Audit|Datastore.Read|Datastore.Backup';
      throw new GranaryError('permission-denied', `permission check failed - missing ${names} on ${aclPath}`);
    }
    const store = await server.datastores.get(name);
    const section = new DatastoreConfig(server.directories).get(name).data;
    const result = { 'backend-type': parseBackend(section.backend).type, ...statisticsOf(server, section) };
    if (!sees) return { total: 0, used: 0, avail: 0, ...result };
    const space = await store.status();
    const gc = await gcStatusOf(store);
    const dedup = dedupFactor(gc);
    if (verbose !== true) return { ...space, ...result, dedup };
    return { ...space, ...result, counts: await store.counts(), 'gc-status': gc, dedup };
  }),

  implement(activeOperations, async ({ store }, call) => {
    const operations = await call.server.datastores.activeOperations(store);
    const holder = await lockedBy(call.server, store);
    return holder === undefined ? operations : { ...operations, 'locked-by': holder };
  }),
];

/** What was asked of the object store of a datastore, if it has one. */
function statisticsOf(server: ServerContext, section: DatastoreSection) {
  const file = datastoreTrafficFile(server.directories, section);
  if (file === undefined) return {};
  const { traffic, since } = readTraffic(file);
  return { 's3-statistics': { ...traffic, ...(since === 0 ? {} : { since }) } };
}

/** The last garbage collection's figures; without task identifier before the first. */
export async function gcStatusOf(store: Datastore) {
  const { upid, ...figures } = await store.gcStatus();
  return { ...(upid === null ? {} : { upid }), ...figures };
}

/** Bytes that all indexes refer to for each byte of the chunks, two decimals; 1 for an empty store. */
export function dedupFactor(gc: { 'index-data-bytes': number; 'disk-bytes': number }): number {
  return Math.round(deduplicationFactor(gc) * 100) / 100;
}

/** Tasks that have a datastore for themselves. */
const exclusiveTasks: readonly string[] = ['garbage_collection', 'delete-datastore', 'unmount-device', 's3-refresh'];

/** The task that has the datastore for itself, or the process if it is no task of this server. */
async function lockedBy(server: ServerContext, name: string): Promise<string | undefined> {
  const { data: tasks } = await server.tasks.list({ store: name, running: true, start: 0, limit: 0 });
  const task = tasks.find((one) => exclusiveTasks.includes(one.worker_type));
  if (task) return task.upid;
  const section = new DatastoreConfig(server.directories).get(name).data;
  if (mountStatus(server, section) === 'notmounted') return undefined;
  const base = datastorePath(server.machine, section);
  const pid = new StoreWriters(base, path.join(server.directories.run, 'locks', name)).exclusiveHolder();
  return pid === undefined ? undefined : `process ${pid} (${processName(pid) ?? 'unknown'})`;
}
