// Who calls, seen from the access calls: oneself or somebody with a privilege, and the confirmation by password.

import { GranaryError } from '../../base/errors.ts';
import { isToken, rootUser, userOf } from '../../model/auth-id.ts';
import type { Privilege } from '../../model/privileges.ts';
import { callerOf, hasPrivileges, staticDenial } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';

/** The peer as the authentication log has it. */
export function logPeer(call: CallContext): string {
  return `[${call.peer}]:${call.peerPort}`;
}

/** Whether the caller, or the user of the calling token, is that user. */
export function isSelf(call: CallContext, userId: string): boolean {
  return userOf(callerOf(call)) === userId;
}

/** Refuses a caller that is neither that user nor has the privilege on the path. */
export function checkSelfOr(call: CallContext, userId: string, privilege: Privilege, path = '/access/users'): void {
  if (isSelf(call, userId) || hasPrivileges(call.server, callerOf(call), path, { all: [privilege] })) return;
  throw new GranaryError('permission-denied', staticDenial);
}

/**
 * Sets a user's password for the caller, after everybody but the superuser confirmed with its own
 * (rest-api.md 7.2 `PUT access/password`).
 */
export async function changePassword(
  call: CallContext,
  userId: string,
  password: string,
  confirmation: string | undefined,
): Promise<void> {
  const { access } = call.server;
  const caller = callerOf(call);
  if (caller !== rootUser) {
    await access.confirmPassword(caller, confirmation, { peer: logPeer(call), startedAt: call.startedAt });
  }
  if (isToken(caller)) throw new GranaryError('bad-request', 'API tokens cannot access this API endpoint');
  const mayChangeOthers =
    hasPrivileges(call.server, caller, '/', { all: ['Permissions.Modify'] }) && !userId.endsWith('@pam');
  if (caller !== rootUser && caller !== userId && !mayChangeOthers) {
    throw new GranaryError('bad-request', 'you are not authorized to change the password.');
  }
  if (!access.users.exists(userId)) throw new GranaryError('auth-failed', `no such user '${userId}'`);
  await access.users.setPassword(userId, password);
}
