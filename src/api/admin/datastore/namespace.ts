// Namespaces: list, create, remove.

import { GranaryError } from '../../../base/errors.ts';
import { datastoreAclPath, formatNamespace, parseNamespace } from '../../../model/backup.ts';
import type { Privilege } from '../../../model/privileges.ts';
import { callerOf, datastoreReach } from '../../../wire/authorize.ts';
import { implement } from '../../../wire/implement.ts';
import { createNamespace, listNamespaces, removeNamespace } from './namespace.contract.ts';
import { openTarget } from './target.ts';

const seeing: readonly Privilege[] = ['Datastore.Audit', 'Datastore.Modify', 'Datastore.Backup'];
const changing = { full: ['Datastore.Modify'], owned: [] } as const;

export const namespaceEndpoints = [
  implement(listNamespaces, async (parameters, call) => {
    const { server } = call;
    const caller = callerOf(call);
    const parent = parseNamespace(parameters.parent ?? '');
    const path = datastoreAclPath(parameters.store, parent);
    if (!server.access.anyBelow(caller, path, seeing)) {
      throw new GranaryError('permission-denied', `permission check failed - missing ${seeing.join('|')} on ${path}`);
    }
    const { store } = await openTarget(call, parameters);
    const namespaces = await store.listNamespaces(parent, parameters['max-depth']);
    return namespaces
      .filter((ns) => server.access.anyBelow(caller, datastoreAclPath(parameters.store, ns), seeing))
      .map((ns) => ({ ns: formatNamespace(ns) }));
  }),

  implement(createNamespace, async (parameters, call) => {
    const parent = parseNamespace(parameters.parent ?? '');
    datastoreReach(call.server, callerOf(call), parameters.store, parent, changing);
    const { store } = await openTarget(call, parameters, 'write');
    return formatNamespace(await store.createNamespace(parent, parameters.name));
  }),

  implement(removeNamespace, async (parameters, call) => {
    const ns = parseNamespace(parameters.ns);
    datastoreReach(call.server, callerOf(call), parameters.store, ns.slice(0, -1), changing);
    if (ns.length === 0) throw new GranaryError('bad-request', 'Cannot create/delete root namespace!');
    const { store } = await openTarget(call, parameters, 'write');
    const removed = await store.removeNamespace(ns, { deleteGroups: parameters['delete-groups'] ?? false });
    if (removed.protectedSnapshots > 0 && (parameters['error-on-protected'] ?? true)) {
      throw new GranaryError('protected', 'group only partially deleted due to protected snapshots');
    }
    return {
      'removed-groups': removed.removedGroups,
      'protected-snapshots': removed.protectedSnapshots,
      'removed-snapshots': removed.removedSnapshots,
    };
  }),
];
