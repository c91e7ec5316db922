// Namespaces, groups and snapshots: the address of everything in a datastore (formats.md 1.1, 13.1). Browser-safe.

import { formatUtc, parseUtc } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { type BackupType, isBackupType, isSafeId } from './names.ts';

export const maxNamespaceDepth = 7;
const maxNamespaceLength = 256;

/** A namespace as its components; the root is the empty list. Immutable by convention. */
export type Namespace = readonly string[];
export const rootNamespace: Namespace = [];

/** Parses `a/b/c`; the empty string is the root. Throws `bad-request` naming what is wrong. */
export function parseNamespace(text: string): Namespace {
  if (text === '') return rootNamespace;
  const components = text.split('/').filter((part) => part !== '');
  for (const part of components) {
    if (!isSafeId(part)) throw new GranaryError('bad-request', `invalid namespace component '${part}' in '${text}'`);
  }
  if (components.length > maxNamespaceDepth) {
    throw new GranaryError('bad-request', `namespace too deep, ${components.length} >= max ${maxNamespaceDepth}`);
  }
  if (components.join('/').length > maxNamespaceLength) {
    throw new GranaryError('bad-request', `namespace '${text}' is longer than ${maxNamespaceLength} characters`);
  }
  return components;
}

/** `a/b/c`; empty for the root. */
export function formatNamespace(ns: Namespace): string {
  return ns.join('/');
}

/** The directory below the datastore: `ns/a/ns/b`; empty for the root. */
export function namespacePath(ns: Namespace): string {
  return ns.map((part) => `ns/${part}`).join('/');
}

/** The ACL path of a datastore's namespace: `/datastore/STORE/a/b`. */
export function datastoreAclPath(store: string, ns: Namespace = rootNamespace): string {
  return ['/datastore', store, ...ns].join('/');
}

/** The ACL path on this server of a namespace of a remote's datastore: `/remote/REMOTE/STORE/a/b`. */
export function remoteAclPath(remote: string, store: string, ns: Namespace = rootNamespace): string {
  return ['/remote', remote, store, ...ns].join('/');
}

export interface BackupGroup {
  readonly type: BackupType;
  readonly id: string;
}

export interface BackupSnapshot extends BackupGroup {
  /** Epoch seconds, at least 1. */
  readonly time: number;
}

/** `vm/100` */
export function formatGroup(group: BackupGroup): string {
  return `${group.type}/${group.id}`;
}

/** `vm/100/2026-02-11T10:00:00Z` */
export function formatSnapshot(snapshot: BackupSnapshot): string {
  return `${snapshot.type}/${snapshot.id}/${formatUtc(snapshot.time)}`;
}

export function parseGroup(text: string): BackupGroup | undefined {
  const [type, id, ...rest] = text.split('/');
  if (type === undefined || id === undefined || rest.length > 0) return undefined;
  return isBackupType(type) && isSafeId(id) ? { type, id } : undefined;
}

export function parseSnapshot(text: string): BackupSnapshot | undefined {
  const [type, id, timeText, ...rest] = text.split('/');
  if (timeText === undefined || rest.length > 0) return undefined;
  const group = parseGroup(`${type}/${id}`);
  const time = parseUtc(timeText);
  return group && time !== undefined && time >= 1 ? { ...group, time } : undefined;
}

/** The path of a group below the datastore's base: `ns/a/vm/100`. */
export function groupPath(ns: Namespace, group: BackupGroup): string {
  return [namespacePath(ns), group.type, group.id].filter((part) => part !== '').join('/');
}

/** The path of a snapshot below the datastore's base. */
export function snapshotPath(ns: Namespace, snapshot: BackupSnapshot): string {
  return `${groupPath(ns, snapshot)}/${formatUtc(snapshot.time)}`;
}

const typeOrder: Record<BackupType, number> = { ct: 0, host: 1, vm: 2 };

/** The stable order of groups: by type (ct, host, vm), numeric ids numerically and first, then by bytes. */
export function compareGroups(a: BackupGroup, b: BackupGroup): number {
  if (a.type !== b.type) return typeOrder[a.type] - typeOrder[b.type];
  const aNumber = numberOf(a.id);
  const bNumber = numberOf(b.id);
  if (aNumber !== undefined && bNumber !== undefined && aNumber !== bNumber) return aNumber < bNumber ? -1 : 1;
  if ((aNumber === undefined) !== (bNumber === undefined)) return aNumber === undefined ? 1 : -1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The number that an id is in the order of groups: one of 64 bits. */
export function numberOf(id: string): bigint | undefined {
  const number = /^\d+$/.test(id) ? BigInt(id) : undefined;
  return number !== undefined && number < 2n ** 64n ? number : undefined;
}
