// acl.cfg: which auth-id has which role on which path (access-control.md 4, 6, 8). One line per distinct set of
// auth-ids: `acl:{propagate}:{path}:{auth-ids}:{roles}`.

import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { type AuthId, isToken, parseAuthId, rootUser, userOf } from '../model/auth-id.ts';
import { isSafeId } from '../model/names.ts';
import { type RoleId, roles } from '../model/privileges.ts';
import { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';

/** Roles with whether they hold below the path too. */
export type RoleSet = Map<RoleId, boolean>;

export interface AclNode {
  readonly children: Map<string, AclNode>;
  /** By auth-id, or `@group`. */
  readonly entries: Map<string, RoleSet>;
}

/** An entry as listings show it. */
export interface AclEntry {
  path: string;
  /** Auth-id, or group name without `@`. */
  ugid: string;
  ugid_type: 'user' | 'group';
  propagate: boolean;
  roleid: RoleId;
}

export class AclTree {
  readonly root: AclNode = newNode();

  /** Adds a role; `NoAccess` takes the place of all others of that auth-id on the path, and gives way to any other. */
  insert(path: string, who: string, role: RoleId, propagate: boolean): void {
    let node = this.root;
    for (const component of splitAclPath(path)) {
      const child = node.children.get(component) ?? newNode();
      node.children.set(component, child);
      node = child;
    }
    const set = node.entries.get(who) ?? new Map();
    if (role === 'NoAccess') set.clear();
    else set.delete('NoAccess');
    node.entries.set(who, set.set(role, propagate));
  }

  /** Removes a role if it is there. */
  remove(path: string, who: string, role: RoleId): void {
    const node = this.find(path);
    const set = node?.entries.get(who);
    if (!node || !set) return;
    set.delete(role);
    if (set.size === 0) node.entries.delete(who);
  }

  /** Removes all entries at and below a path. */
  removePath(path: string): void {
    const components = splitAclPath(path);
    const last = components.pop();
    if (last !== undefined) this.find(components.join('/'))?.children.delete(last);
  }

  /** Removes every entry of the auth-ids that `matches` accepts. */
  removeAll(matches: (authId: AuthId) => boolean): void {
    for (const { node } of this.nodes()) {
      for (const who of node.entries.keys()) {
        if (!who.startsWith('@') && matches(who)) node.entries.delete(who);
      }
    }
  }

  /** Removes every entry of a user's tokens. */
  removeTokensOf(userId: AuthId): void {
    this.removeAll((authId) => isToken(authId) && userOf(authId) === userId);
  }

  find(path: string): AclNode | undefined {
    let node: AclNode | undefined = this.root;
    for (const component of splitAclPath(path)) node = node?.children.get(component);
    return node;
  }

  /** Every node at and below `from`, a node before its children, children sorted. */
  *nodes(from = '/'): Generator<{ path: string; node: AclNode }, void, undefined> {
    const node = this.find(from);
    if (node) yield* walk(`/${splitAclPath(from).join('/')}`, node);
  }

  /** The entries of `path` and, unless `exact`, of everything below. */
  entries(path = '/', exact = false): AclEntry[] {
    const out: AclEntry[] = [];
    for (const { path: at, node } of this.nodes(path)) {
      for (const [who, set] of node.entries) {
        const group = who.startsWith('@');
        for (const [roleid, propagate] of set) {
          out.push({
            path: at,
            propagate,
            roleid,
            ugid: group ? who.slice(1) : who,
            ugid_type: group ? 'group' : 'user',
          });
        }
      }
      if (exact) break;
    }
    return out;
  }
}

/** The components of an ACL path; `/` has none. */
export function splitAclPath(path: string): string[] {
  return path.split('/').filter((component) => component !== '');
}

/** Parses the file; throws `config-invalid` naming file and line. */
export function parseAcl(text: string, file: string): AclTree {
  const tree = new AclTree();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const problem = parseLine(tree, line.trim());
    if (problem === undefined) return;
    throw new GranaryError('config-invalid', `unable to parse acl config "${file}", line ${index + 1} - ${problem}`, {
      details: { file, line: index + 1 },
    });
  });
  return tree;
}

/** The file's text, in the order of the tree. Entries of the superuser, who needs none, are left out. */
export function serializeAcl(tree: AclTree): string {
  let out = '';
  for (const { path, node } of tree.nodes()) {
    for (const propagate of [false, true]) {
      const byRole = new Map<RoleId, string[]>();
      for (const [who, set] of node.entries) {
        if (who === rootUser) continue;
        for (const [role, propagates] of set) {
          if (propagates === propagate) byRole.set(role, [...(byRole.get(role) ?? []), who]);
        }
      }
      const byWho = new Map<string, RoleId[]>();
      for (const [role, list] of byRole) {
        const key = list.sort().join(',');
        byWho.set(key, [...(byWho.get(key) ?? []), role]);
      }
      for (const who of [...byWho.keys()].sort()) {
        const list = byWho.get(who)!.sort();
        out += `acl:${propagate ? 1 : 0}:${path}:${who}:${list.includes('NoAccess') ? 'NoAccess' : list.join(',')}\n`;
      }
    }
  }
  return out;
}

export function aclConfigFile(directories: Directories): ConfigFile<AclTree> {
  return new ConfigFile({ path: join(directories.config, 'acl.cfg'), parse: parseAcl, serialize: serializeAcl });
}

export function isRole(text: string): text is RoleId {
  return Object.hasOwn(roles, text);
}

function parseLine(tree: AclTree, line: string): string | undefined {
  const [kind, propagate, path, who, roleList, ...rest] = line.split(':');
  if (kind !== 'acl' || roleList === undefined || rest.length > 0) return 'wrong number of parts';
  if (propagate !== '0' && propagate !== '1') return `expected '0' or '1' for propagate flag`;
  if (!path!.startsWith('/') || !splitAclPath(path!).every(isSafeId)) return `invalid acl path '${path}'`;
  for (const role of splitList(roleList)) {
    if (!isRole(role)) return `unknown role '${role}'`;
    for (const id of splitList(who!)) {
      if (!(id.startsWith('@') ? isSafeId(id.slice(1)) : parseAuthId(id))) return `invalid auth-id '${id}'`;
      tree.insert(path!, id, role, propagate === '1');
    }
  }
  return undefined;
}

function splitList(text: string): string[] {
  return text.split(/[,;\s]+/).filter((part) => part !== '');
}

function newNode(): AclNode {
  return { children: new Map(), entries: new Map() };
}

function* walk(path: string, node: AclNode): Generator<{ path: string; node: AclNode }, void, undefined> {
  yield { path, node };
  for (const name of [...node.children.keys()].sort()) {
    yield* walk(path === '/' ? `/${name}` : `${path}/${name}`, node.children.get(name)!);
  }
}
