// Who may call what: the checks that a contract declares, and the owner rule (rest-api.md 3.6 and 5, access-control.md 7).

import { GranaryError } from '../base/errors.ts';
import { type AuthId, ownerMatches } from '../model/auth-id.ts';
import { type BackupGroup, datastoreAclPath, type Namespace, parseNamespace } from '../model/backup.ts';
import type { Access } from '../model/endpoint.ts';
import { type Privilege, privileges } from '../model/privileges.ts';
import type { CallContext, DatastoreReach, ServerContext } from './context.ts';

/** The text of a static check that failed; its answer is delayed. */
export const staticDenial = 'permission check failed';

/** The ACL path of a declaration with its variables filled in; components of absent or empty variables are dropped. */
export function aclPath(template: string, values: Readonly<Record<string, unknown>>): string {
  const parts = template
    .split('/')
    .map((part) => {
      const name = /^\{(.+)\}$/.exec(part)?.[1];
      return name === undefined ? part : String(values[name] ?? '');
    })
    .filter((part) => part !== '');
  return `/${parts.join('/')}`;
}

/** Whether the caller satisfies a declared privilege check. */
export function hasPrivileges(
  server: ServerContext,
  authId: AuthId,
  path: string,
  wanted: { all?: readonly Privilege[]; any?: readonly Privilege[] },
): boolean {
  const granted = server.access.privileges(authId, path);
  if (wanted.all?.some((privilege) => !granted.has(privilege))) return false;
  return wanted.any === undefined || wanted.any.some((privilege) => granted.has(privilege));
}

/**
 * The check before parameters are read: it sees path variables only.
 * Throws `permission-denied` with the fixed text.
 */
export function checkStaticAccess(
  server: ServerContext,
  access: Access,
  authId: AuthId | undefined,
  variables: Readonly<Record<string, string>>,
): void {
  if (access.kind !== 'privilege') return;
  if (authId !== undefined && hasPrivileges(server, authId, aclPath(access.path, variables), access)) return;
  throw new GranaryError('permission-denied', staticDenial);
}

/**
 * The check on a datastore's namespace, after parameters were read: how far the caller reaches there.
 * Throws `permission-denied` naming the missing privileges in bit order and the path.
 */
export function datastoreReach(
  server: ServerContext,
  authId: AuthId,
  store: string,
  ns: Namespace,
  wanted: { full: readonly Privilege[]; owned: readonly Privilege[] },
): DatastoreReach {
  const path = datastoreAclPath(store, ns);
  if (wanted.full.length > 0 && hasPrivileges(server, authId, path, { any: wanted.full })) return 'all';
  if (wanted.owned.length > 0 && hasPrivileges(server, authId, path, { any: wanted.owned })) return 'owned';
  const names = [...wanted.full, ...wanted.owned];
  throw new GranaryError('permission-denied', `permission check failed - missing ${names.join('|')} on ${path}`);
}

/** The check of kind `datastore`, from checked parameters. */
export function checkDatastoreAccess(
  server: ServerContext,
  access: Access & { kind: 'datastore' },
  authId: AuthId,
  parameters: Readonly<Record<string, unknown>>,
): DatastoreReach {
  const ns = parseNamespace(String(parameters['ns'] ?? ''));
  return datastoreReach(server, authId, String(parameters['store']), ns, access);
}

/** Refuses a caller that reaches owned groups only and does not own this one. Throws `owner-mismatch`. */
export function checkOwner(call: CallContext, owner: AuthId): void {
  if (call.reach === 'all') return;
  const caller = callerOf(call);
  if (!ownerMatches(owner, caller)) {
    throw new GranaryError('owner-mismatch', `backup owner check failed (${caller} != ${owner})`);
  }
}

/** Reads the owner of a group where only owned groups are reached, and checks it. */
export async function checkGroupOwner(
  call: CallContext,
  readOwner: (group: BackupGroup) => Promise<AuthId>,
  group: BackupGroup,
): Promise<void> {
  if (call.reach !== 'all') checkOwner(call, await readOwner(group));
}

/** The authenticated caller; calls of the world have none. */
export function callerOf(call: CallContext): AuthId {
  if (call.authId === undefined)
    throw new GranaryError('auth-failed', 'authentication failed - no authentication credentials provided.');
  return call.authId;
}

/** The text of a check inside a call: `missing permissions 'A&B' on '/path'`. */
export function missingPermissions(names: readonly Privilege[], joiner: '&' | '|', path: string): string {
  const ordered = privileges.filter((privilege) => names.includes(privilege));
  return `missing permissions '${ordered.join(joiner)}' on '${path}'`;
}

/** The check of a caller inside a call. Throws `permission-denied` naming the missing privileges and the path. */
export function requirePrivileges(
  call: CallContext,
  path: string,
  wanted: { all: readonly Privilege[] } | { any: readonly Privilege[] },
): void {
  if (hasPrivileges(call.server, callerOf(call), path, wanted)) return;
  const text = 'all' in wanted ? missingPermissions(wanted.all, '&', path) : missingPermissions(wanted.any, '|', path);
  throw new GranaryError('permission-denied', text);
}
