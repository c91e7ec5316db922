// Why an auth-id has a privilege on a path, or why it has not: the rules on the way to the path, and what became of each
// (access-control.md 4 and 5).

import { type AclNode, type AclTree, splitAclPath } from '../config/acl-config.ts';
import { type AuthId, isToken, rootUser, userOf } from '../model/auth-id.ts';
import { type Privilege, privileges, type RoleId, roles } from '../model/privileges.ts';

/** A rule of the auth-id on the path or above it. */
export interface RuleOnTheWay {
  authId: AuthId;
  path: string;
  role: RoleId;
  propagate: boolean;
  /**
   * `applies`; `only-there`: it stands above the path and does not hold below; `replaced`: a rule nearer to the path
   * stands in its place.
   */
  effect: 'applies' | 'only-there' | 'replaced';
}

/** Why a privilege is held (`superuser`, `rule`), or the nearest reason why not. */
export type PrivilegeReason =
  | 'superuser'
  | 'rule'
  /** There are no rules for the auth-id on the way. */
  | 'no-rule'
  /** `NoAccess` applies. */
  | 'no-access'
  /** The roles that apply do not have it. */
  | 'not-in-role'
  /** A role that has it was replaced by a rule nearer to the path. */
  | 'replaced'
  /** A role that has it holds only on the path of its rule. */
  | 'only-there';

export interface ExplainedPrivilege {
  privilege: Privilege;
  granted: boolean;
  /** Whether it holds below the path, too. */
  propagated: boolean;
  reason: PrivilegeReason;
  /** Who has it not: a token, or the token's user, whose rights limit the token's. */
  missingFor?: AuthId;
  /** The rules that the reason is about. */
  rules: RuleOnTheWay[];
}

export interface Explanation {
  /** Rules on the way, from `/` to the path; of a token, those of its user too. */
  rules: RuleOnTheWay[];
  /** Every privilege, in the order of `privileges`. */
  privileges: ExplainedPrivilege[];
}

/** Says the same as `resolvePrivileges`, with reasons. */
export function explainPrivileges(tree: AclTree, authId: AuthId, path: string): Explanation {
  const who = isToken(authId) ? [authId, userOf(authId)] : [authId];
  const ways = who.map((one) => ({ authId: one, rules: rulesOnTheWay(tree, one, path) }));
  return {
    rules: ways.flatMap(({ rules }) => rules),
    privileges: privileges.map((privilege) => {
      const all = ways.map((way) => explainFor(way.authId, way.rules, privilege));
      const missing = all.find(({ granted }) => !granted);
      if (missing !== undefined) return missing;
      // Told by the token's rules where the user is the superuser.
      const { reason } = all.find((one) => one.reason === 'rule') ?? all[0]!;
      const propagated = all.every((one) => one.propagated);
      return { privilege, granted: true, propagated, reason, rules: all.flatMap(({ rules }) => rules) };
    }),
  };
}

function explainFor(authId: AuthId, rules: readonly RuleOnTheWay[], privilege: Privilege): ExplainedPrivilege {
  if (authId === rootUser) return { privilege, granted: true, propagated: true, reason: 'superuser', rules: [] };
  const applying = rules.filter(({ effect }) => effect === 'applies');
  const giving = rules.filter(({ role }) => (roles[role].privileges as readonly Privilege[]).includes(privilege));
  const given = giving.filter(({ effect }) => effect === 'applies');
  if (given.length > 0) {
    const propagated = given.some(({ propagate }) => propagate);
    return { privilege, granted: true, propagated, reason: 'rule', rules: given };
  }
  const missing = (reason: PrivilegeReason, about: RuleOnTheWay[]): ExplainedPrivilege => {
    return { privilege, granted: false, propagated: false, reason, missingFor: authId, rules: about };
  };
  const noAccess = applying.filter(({ role }) => role === 'NoAccess');
  if (noAccess.length > 0) return missing('no-access', noAccess);
  const replaced = giving.filter(({ effect }) => effect === 'replaced');
  if (replaced.length > 0) return missing('replaced', [...replaced, ...applying]);
  if (giving.length > 0) return missing('only-there', giving);
  return applying.length > 0 ? missing('not-in-role', applying) : missing('no-rule', []);
}

function rulesOnTheWay(tree: AclTree, authId: AuthId, path: string): RuleOnTheWay[] {
  const components = splitAclPath(path);
  const found: RuleOnTheWay[] = [];
  let node: AclNode | undefined = tree.root;
  for (let depth = 0; node; depth++) {
    const at = `/${components.slice(0, depth).join('/')}`;
    const here = [...(node.entries.get(authId) ?? [])].map(([role, propagate]): RuleOnTheWay => {
      const counts = propagate || depth === components.length;
      return { authId, path: at, role, propagate, effect: counts ? 'applies' : 'only-there' };
    });
    if (here.some(({ effect }) => effect === 'applies')) {
      for (const rule of found) if (rule.effect === 'applies') rule.effect = 'replaced';
    }
    found.push(...here);
    const next = components[depth];
    node = next === undefined ? undefined : node.children.get(next);
  }
  return found;
}
