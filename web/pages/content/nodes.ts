// What a datastore holds, as a tree: namespaces, groups, snapshots. Whoever is not loaded yet has a child that says so.

import type { getAccounting } from '../../../src/api/admin/datastore/accounting.contract.ts';
import type { listGroups } from '../../../src/api/admin/datastore/groups.contract.ts';
import type { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { formatGroup, formatSnapshot } from '../../../src/model/backup.ts';
import type { Result } from '../../../src/model/endpoint.ts';

export type Group = Result<typeof listGroups>[number];
export type Snapshot = Result<typeof listSnapshots>[number];
type Account = Result<typeof getAccounting>['entries'][number];

interface Common {
  /** Unique in the tree. */
  id: string;
  ns: string;
  /** Bytes on disk that its removal frees; undefined while that is not known. */
  unique?: number | undefined;
  children?: readonly ContentNode[];
}

export interface NamespaceNode extends Common {
  kind: 'namespace';
}

export interface GroupNode extends Common {
  kind: 'group';
  group: Group;
  /** How many of its snapshots are verified, known once they are loaded. */
  verified?: { ok: number; failed: number; none: number };
}

export interface SnapshotNode extends Common {
  kind: 'snapshot';
  snapshot: Snapshot;
}

/** Stands for children that are on their way, or for why they did not come. */
export interface WaitNode extends Common {
  kind: 'wait';
  error: Error | undefined;
}

export type ContentNode = NamespaceNode | GroupNode | SnapshotNode | WaitNode;
/** What something can be done with. */
export type Target = NamespaceNode | GroupNode | SnapshotNode;

export const namespaceId = (ns: string): string => `n:${ns}`;
export const groupId = (ns: string, group: GroupName): string => `g:${ns}:${formatGroup(nameOf(group))}`;

interface GroupName {
  'backup-type': Group['backup-type'];
  'backup-id': string;
}

const nameOf = (group: GroupName) => ({ type: group['backup-type'], id: group['backup-id'] });

/** `vm/100` */
export const groupText = (group: GroupName): string => formatGroup(nameOf(group));

/** `vm/100/2026-02-11T10:00:00Z` */
export const snapshotText = (snapshot: Snapshot | (GroupName & { 'backup-time': number })): string =>
  formatSnapshot({ ...nameOf(snapshot), time: snapshot['backup-time'] });

/** What an object is called, as commands take it. */
export function nodeName(node: Target): string {
  switch (node.kind) {
    case 'namespace':
      return node.ns;
    case 'group':
      return groupText(node.group);
    case 'snapshot':
      return snapshotText(node.snapshot);
  }
}

/** Who owns it; undefined for namespaces, which nobody owns. */
export function ownerOf(node: Target): string | undefined {
  return node.kind === 'group' ? node.group.owner : node.kind === 'snapshot' ? node.snapshot.owner : undefined;
}

/** The parameters that name it in calls. */
export function nameParameters(node: GroupNode | SnapshotNode, store: string) {
  const { ns } = node;
  const item = node.kind === 'group' ? node.group : node.snapshot;
  return {
    store,
    ...(ns === '' ? {} : { ns }),
    'backup-type': item['backup-type'],
    'backup-id': item['backup-id'],
  };
}

export type Encryption = 'encrypted' | 'signed' | 'none';

/** How the content of a snapshot is kept: encrypted when any file is. */
export function encryptionOf({ files }: Snapshot): Encryption {
  const modes = files.map((file) => file['crypt-mode']);
  if (modes.includes('encrypt')) return 'encrypted';
  return modes.includes('sign-only') ? 'signed' : 'none';
}

/** What has come so far; a list that is undefined has not, an error says why. */
export interface Loaded<T> {
  data: readonly T[] | undefined;
  error: Error | undefined;
}

export interface Content {
  /** The namespace at the top; its own children are the roots. */
  ns: string;
  /** All namespaces below it, full names. */
  namespaces: readonly string[];
  groups: ReadonlyMap<string, Loaded<Group>>;
  /** By id of the group's node. */
  snapshots: ReadonlyMap<string, Loaded<Snapshot>>;
  /** Bytes by id of the node. */
  unique: ReadonlyMap<string, number>;
}

/** The tree of what has come; newest snapshots first. */
export function contentTree(content: Content): ContentNode[] {
  const below = Map.groupBy(
    content.namespaces.filter((ns) => ns !== content.ns),
    (ns) => ns.split('/').slice(0, -1).join('/'),
  );
  const inNamespace = (ns: string): ContentNode[] => {
    const namespaces = (below.get(ns) ?? []).map((child): NamespaceNode => {
      const id = namespaceId(child);
      return { kind: 'namespace', id, ns: child, unique: content.unique.get(id), children: inNamespace(child) };
    });
    const groups = content.groups.get(ns);
    if (groups?.data === undefined) return [...namespaces, waitNode(namespaceId(ns), ns, groups?.error)];
    return [...namespaces, ...groups.data.map((group) => groupNode(content, ns, group))];
  };
  return inNamespace(content.ns);
}

function groupNode(content: Content, ns: string, group: Group): GroupNode {
  const id = groupId(ns, group);
  const own = { kind: 'group', id, ns, group, unique: content.unique.get(id) } as const;
  const loaded = content.snapshots.get(id);
  if (loaded?.data === undefined) return { ...own, children: [waitNode(id, ns, loaded?.error)] };
  const verified = { ok: 0, failed: 0, none: 0 };
  const children = loaded.data
    .map((snapshot): SnapshotNode => {
      verified[snapshot.verification?.state ?? 'none']++;
      const snapshotId = `${id}/${snapshot['backup-time']}`;
      return { kind: 'snapshot', id: snapshotId, ns, snapshot, unique: content.unique.get(snapshotId) };
    })
    .reverse();
  return { ...own, children, verified };
}

function waitNode(parent: string, ns: string, error: Error | undefined): WaitNode {
  return { kind: 'wait', id: `wait:${parent}`, ns, error };
}

/** The id of the node that an entry of the account is about. */
export function accountId(entry: Account): string {
  const { ns, 'backup-type': type, 'backup-id': id, 'backup-time': time } = entry;
  if (type === undefined || id === undefined) return namespaceId(ns);
  const group = groupId(ns, { 'backup-type': type, 'backup-id': id });
  return time === undefined ? group : `${group}/${time}`;
}

/** All nodes of the tree by id, those without use left out. */
export function* targetsOf(nodes: readonly ContentNode[]): Generator<Target> {
  for (const node of nodes) {
    if (node.kind !== 'wait') yield node;
    if (node.children !== undefined) yield* targetsOf(node.children);
  }
}
