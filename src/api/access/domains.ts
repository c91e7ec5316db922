// Synchronizing a realm with its directory.

import type { RemovableKind } from '../../access/ldap-settings.ts';
import { syncedRealm, syncRealm } from '../../access/realm-sync.ts';
import { splitWords } from '../../config/realm-schema.ts';
import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { syncDomain } from './domains.contract.ts';

export const domainEndpoints = [
  implement(syncDomain, async (parameters, call) => {
    const { realm, 'dry-run': dryRun, 'remove-vanished': removed, 'enable-new': enableNew } = parameters;
    const { access, directories, tasks } = call.server;
    syncedRealm(access.realmStore, realm);
    const removeVanished = removed === undefined ? undefined : (splitWords(removed) as RemovableKind[]);
    const task = await tasks.start({ type: 'realm-sync', id: realm, authId: callerOf(call) }, (worker) =>
      syncRealm(directories, access, realm, { dryRun, removeVanished, enableNew }, worker),
    );
    return task.upid;
  }),
];
