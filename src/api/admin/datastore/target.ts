// What the calls below admin/datastore/{store} are about: the open datastore, namespace, group, snapshot.

import { GranaryError } from '../../../base/errors.ts';
import type { Datastore } from '../../../datastore/datastore.ts';
import { noEntry } from '../../../datastore/store-context.ts';
import { ownerMatches } from '../../../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, type Namespace, parseNamespace } from '../../../model/backup.ts';
import type { BackupType } from '../../../model/names.ts';
import { callerOf, checkOwner } from '../../../wire/authorize.ts';
import type { CallContext, DatastoreOperation } from '../../../wire/context.ts';

export interface Target {
  store: Datastore;
  ns: Namespace;
}

interface GroupParameters {
  'backup-type': BackupType;
  'backup-id': string;
}

/** Opens the datastore that the parameters name. Throws for an unknown one and for a maintenance mode. */
export async function openTarget(
  call: CallContext,
  parameters: { store: string; ns?: string },
  operation: DatastoreOperation = 'read',
): Promise<Target> {
  const store = await call.server.datastores.get(parameters.store, operation);
  return { store, ns: parseNamespace(parameters.ns ?? '') };
}

export function groupOf(parameters: GroupParameters): BackupGroup {
  return { type: parameters['backup-type'], id: parameters['backup-id'] };
}

export function snapshotOf(parameters: GroupParameters & { 'backup-time': number }): BackupSnapshot {
  return { ...groupOf(parameters), time: parameters['backup-time'] };
}

/** Refuses a group that the caller does not own where it reaches only owned ones. A missing group is ENOENT. */
export async function checkGroup(call: CallContext, { store, ns }: Target, group: BackupGroup): Promise<void> {
  if (call.reach === 'all') return;
  let owner: string;
  try {
    owner = await store.readOwner(ns, group);
  } catch (error) {
    if (error instanceof GranaryError && error.code === 'not-found') throw noEntry();
    throw error;
  }
  checkOwner(call, owner);
}

/** Whether a listing shows the caller something of that owner. */
export function mayList(call: CallContext, owner: string | undefined): boolean {
  return call.reach === 'all' || (owner !== undefined && ownerMatches(owner, callerOf(call)));
}
