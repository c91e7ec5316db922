// Space and counts of a datastore.

import { GranaryError } from '../../../base/errors.ts';
import type { Datastore } from '../../../datastore/datastore.ts';
import { datastoreAclPath } from '../../../model/backup.ts';
import { privileges } from '../../../model/privileges.ts';
import { callerOf, hasPrivileges } from '../../../wire/authorize.ts';
import { implement } from '../../../wire/implement.ts';
import { activeOperations, datastoreStatus } from './status.contract.ts';

export const statusEndpoints = [
  implement(datastoreStatus, async ({ store: name, verbose }, call) => {
    const { server } = call;
    const caller = callerOf(call);
    const path = datastoreAclPath(name);
    const sees = hasPrivileges(server, caller, path, { any: ['Datastore.Audit', 'Datastore.Backup'] });
    if (!sees && !server.access.anyBelow(caller, path, privileges)) {
      const names = 'Datastore.Audit|Datastore.Read|Datastore.Backup';
      throw new GranaryError('permission-denied', `permission check failed - missing ${names} on ${path}`);
    }
    const store = await server.datastores.get(name);
    const result = { 'backend-type': 'filesystem' };
    if (!sees) return { total: 0, used: 0, avail: 0, ...result };
    const space = await store.status();
    const gc = await gcStatusOf(store);
    const dedup = dedupFactor(gc);
    if (verbose !== true) return { ...space, ...result, dedup };
    return { ...space, ...result, counts: await store.counts(), 'gc-status': gc, dedup };
  }),

  implement(activeOperations, async ({ store }, call) => await call.server.datastores.activeOperations(store)),
];

/** The last garbage collection's figures; without task identifier before the first. */
export async function gcStatusOf(store: Datastore) {
  const { upid, ...figures } = await store.gcStatus();
  return { ...(upid === null ? {} : { upid }), ...figures };
}

/** Bytes that all indexes refer to for each byte of the chunks, two decimals; 1 for an empty store. */
export function dedupFactor(gc: { 'index-data-bytes': number; 'disk-bytes': number }): number {
  if (gc['disk-bytes'] === 0) return 1;
  return Math.round((gc['index-data-bytes'] / gc['disk-bytes']) * 100) / 100;
}
