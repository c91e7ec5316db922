// From ACL entries to privileges: which roles an auth-id has on a path (access-control.md 4 and 5).

import { type AclNode, type AclTree, type RoleSet, splitAclPath } from '../config/acl-config.ts';
import { type AuthId, isToken, rootUser, userOf } from '../model/auth-id.ts';
import { type Privilege, privileges, type RoleId, roles } from '../model/privileges.ts';

/** Privileges as bits, in the order of `privileges`. */
export interface PrivilegeMasks {
  /** What holds on the path itself. */
  own: number;
  /** The part of it that holds below the path too. */
  propagated: number;
}

const allPrivileges = 2 ** privileges.length - 1;

const roleMasks = new Map<RoleId, number>();
for (const [role, { privileges: names }] of Object.entries(roles)) roleMasks.set(role as RoleId, privilegeMask(names));

export function privilegeMask(names: readonly Privilege[]): number {
  return names.reduce((mask, name) => mask | (1 << privileges.indexOf(name)), 0);
}

/** Names in the order of the bits. */
export function privilegeNames(mask: number): Privilege[] {
  return privileges.filter((_, bit) => mask & (1 << bit));
}

/** The roles that entries of exactly this auth-id give on a path, with whether each holds below it too. */
export function rolesOf(tree: AclTree, authId: AuthId, path: string): RoleSet {
  const components = splitAclPath(path);
  let roleSet: RoleSet = new Map();
  let node: AclNode | undefined = tree.root;
  for (let depth = 0; node; depth++) {
    const here: RoleSet = new Map();
    for (const [role, propagate] of node.entries.get(authId) ?? []) {
      if (propagate || depth === components.length) here.set(role, propagate);
    }
    const noAccess = here.get('NoAccess');
    if (noAccess !== undefined) roleSet = new Map([['NoAccess', noAccess]]);
    else if (here.size > 0) roleSet = here;
    const next = components[depth];
    node = next === undefined ? undefined : node.children.get(next);
  }
  return roleSet;
}

/** The privileges on a path: a token's own that its user has too; the superuser has all. */
export function resolvePrivileges(tree: AclTree, authId: AuthId, path: string): PrivilegeMasks {
  if (authId === rootUser) return { own: allPrivileges, propagated: allPrivileges };
  const masks: PrivilegeMasks = { own: 0, propagated: 0 };
  for (const [role, propagate] of rolesOf(tree, authId, path)) {
    const mask = roleMasks.get(role) ?? 0;
    masks.own |= mask;
    if (propagate) masks.propagated |= mask;
  }
  if (!isToken(authId)) return masks;
  const user = resolvePrivileges(tree, userOf(authId), path);
  return { own: masks.own & user.own, propagated: masks.propagated & user.propagated };
}

/** Whether the path, or a node of the tree below it, gives one of the privileges. */
export function anyPrivilegeBelow(tree: AclTree, authId: AuthId, path: string, mask: number): boolean {
  if (resolvePrivileges(tree, authId, path).own & mask) return true;
  for (const { path: below } of tree.nodes(path)) {
    if (resolvePrivileges(tree, authId, below).own & mask) return true;
  }
  return false;
}
