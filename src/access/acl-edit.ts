// Who may change which access rule, and the change (access-control.md 6).

import { GranaryError } from '../base/errors.ts';
import { type AclTree, isRole } from '../config/acl-config.ts';
import { type AuthId, isToken, userOf } from '../model/auth-id.ts';
import { isAclPath } from './acl-paths.ts';

/** The parameters of `PUT access/acl`. */
export interface AclChange {
  path: string;
  role: string;
  /** Default true. */
  propagate?: boolean;
  authId?: AuthId;
  group?: string;
  delete?: boolean;
  digest?: string;
}

/** Throws `bad-request` unless a caller without Permissions.Modify may make the change: for own tokens only. */
export function checkUnprivilegedChange(caller: AuthId, change: AclChange): void {
  const refuse = (text: string): GranaryError => new GranaryError('bad-request', text);
  if (change.group !== undefined) throw refuse('Unprivileged users are not allowed to create group ACL item.');
  if (change.authId === undefined) {
    throw refuse('Unprivileged user needs to provide auth_id to update ACL item.');
  }
  if (isToken(caller)) throw refuse("Unprivileged API tokens can't set ACL items.");
  if (!isToken(change.authId)) throw refuse('Unprivileged users can only set ACL items for API tokens.');
  if (userOf(change.authId) !== caller) {
    throw refuse('Unprivileged users can only set ACL items for their own API tokens.');
  }
}

/** Checks what holds for everybody and returns whom the rule is for. Deleting is possible for what is gone. */
export function checkChange(change: AclChange, exists: (authId: AuthId) => boolean): AuthId {
  const refuse = (text: string): GranaryError => new GranaryError('bad-request', text);
  if (change.group !== undefined) throw refuse("parameter 'group' - groups are currently not supported.");
  if (change.authId === undefined) throw refuse("missing 'userid' or 'group' parameter.");
  if (!change.delete) {
    if (!exists(change.authId)) throw refuse(isToken(change.authId) ? 'no such API token.' : 'no such user.');
    if (!isAclPath(change.path)) throw refuse(`invalid acl path '${change.path}'.`);
  }
  return change.authId;
}

/** Applies a checked change. */
export function applyChange(tree: AclTree, who: AuthId, change: AclChange): void {
  if (!isRole(change.role)) throw new GranaryError('bad-request', `unknown role '${change.role}'`);
  if (change.delete) tree.remove(change.path, who, change.role);
  else tree.insert(change.path, who, change.role, change.propagate ?? true);
}
