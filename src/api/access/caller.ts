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

/** Lets every caller but the superuser confirm a change with its own password (access-control.md 9). */
export async function confirmCaller(call: CallContext, password: string | undefined): Promise<void> {
  const caller = callerOf(call);
  if (caller === rootUser) return;
  await call.server.access.confirmPassword(caller, password, { peer: logPeer(call), startedAt: call.startedAt });
}

/**
 * Whether the caller may set that user's password, after everybody but the superuser confirmed with its own
 * (rest-api.md 7.2 `PUT access/password`).
 */
export async function authorizePasswordChange(
  call: CallContext,
  userId: string,
  confirmation: string | undefined,
): Promise<void> {
  const caller = callerOf(call);
  await confirmCaller(call, confirmation);
  if (isToken(caller)) throw new GranaryError('bad-request', 'API tokens cannot access this API endpoint');
  const mayChangeOthers =
    hasPrivileges(call.server, caller, '/', { all: ['Permissions.Modify'] }) && !userId.endsWith('@pam');
  if (caller !== rootUser && caller !== userId && !mayChangeOthers) {
    throw new GranaryError('bad-request', 'you are not authorized to change the password.');
  }
}
