// Groups: list, remove, notes, owner.

import { GranaryError } from '../../../base/errors.ts';
import { noEntry } from '../../../datastore/store-context.ts';
import { type AuthId, isToken, ownerMatches, userOf } from '../../../model/auth-id.ts';
import { formatGroup, formatNamespace } from '../../../model/backup.ts';
import { callerOf } from '../../../wire/authorize.ts';
import type { CallContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { usageOf } from './accounting.ts';
import { changeOwner, getGroupNotes, listGroups, removeGroup, setGroupNotes } from './groups.contract.ts';
import { checkGroup, groupOf, mayList, openTarget } from './target.ts';

export const groupEndpoints = [
  implement(listGroups, async (parameters, call) => {
    const { store, ns } = await openTarget(call, parameters);
    const groups = await store.listGroups(ns);
    const usage = await usageOf(call, store, parameters.usage);
    return groups
      .filter((group) => mayList(call, group.owner))
      .map((group) => ({
        'backup-type': group.type,
        'backup-id': group.id,
        'last-backup': group.lastBackup,
        'backup-count': group.backupCount,
        files: group.files,
        ...(group.owner === undefined ? {} : { owner: group.owner }),
        ...(group.comment === undefined ? {} : { comment: group.comment }),
        ...usage(`${formatNamespace(ns)}:${formatGroup(group)}`),
      }));
  }),

  implement(removeGroup, async (parameters, call) => {
    const target = await openTarget(call, parameters, 'write');
    const group = groupOf(parameters);
    await checkGroup(call, target, group);
    const removed = await target.store.removeGroup(target.ns, group);
    if (removed.protectedSnapshots > 0 && (parameters['error-on-protected'] ?? true)) {
      throw new GranaryError('protected', 'group only partially deleted due to protected snapshots');
    }
    return {
      'removed-groups': removed.protectedSnapshots > 0 ? 0 : 1,
      'protected-snapshots': removed.protectedSnapshots,
      'removed-snapshots': removed.removedSnapshots,
    };
  }),

  implement(getGroupNotes, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const group = groupOf(parameters);
    await checkGroup(call, target, group);
    return await target.store.groupNotes(target.ns, group);
  }),

  implement(setGroupNotes, async (parameters, call) => {
    const target = await openTarget(call, parameters, 'write');
    const group = groupOf(parameters);
    await checkGroup(call, target, group);
    await target.store.setGroupNotes(target.ns, group, parameters.notes);
    return null;
  }),

  implement(changeOwner, async (parameters, call) => {
    const { store, ns } = await openTarget(call, parameters, 'write');
    const group = groupOf(parameters);
    const newOwner = parameters['new-owner'];
    let decidedFor: AuthId | undefined;
    if (call.reach !== 'all') {
      const owner = await store.readOwner(ns, group).catch(() => Promise.reject(noEntry()));
      checkHandOver(callerOf(call), owner, newOwner, formatGroup(group));
      decidedFor = owner;
    }
    checkActive(call, newOwner);
    await store.changeOwner(ns, group, newOwner, decidedFor);
    return null;
  }),
];

/** An unprivileged user may move a group between itself and its tokens (access-control.md 7). */
function checkHandOver(caller: AuthId, owner: AuthId, newOwner: AuthId, group: string): void {
  const allowed = !isToken(caller) && ownerMatches(owner, caller) && userOf(newOwner) === caller;
  if (allowed) return;
  const text = `${caller} does not have permission to change owner of backup group '${group}' to ${newOwner}`;
  throw new GranaryError('permission-denied', text, { status: 401 });
}

function checkActive(call: CallContext, authId: AuthId): void {
  if (call.server.access.users.isActive(authId)) return;
  const kind = isToken(authId) ? 'API token' : 'user';
  throw new GranaryError('bad-request', `${kind} '${authId}' is inactive or non-existent`);
}
