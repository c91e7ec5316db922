// What accounting has to find, found the slow and obvious way: every index read, every chunk looked at, sets compared.

import * as fs from 'node:fs';
import { toHex } from '../../base/bytes.ts';
import { formatUtc } from '../../base/clock.ts';
import { chunkPath } from '../../chunk-store/layout.ts';
import { parseIndex } from '../../format/chunk-index.ts';
import { type BackupSnapshot, formatGroup, formatNamespace, type Namespace, snapshotPath } from '../../model/backup.ts';
import type { AccountingState } from '../accounting.ts';
import type { Datastore } from '../datastore.ts';
import { findIndexFiles } from '../index-search.ts';

export type Bytes = { unique: number; referenced: number };

/** Names nodes as `accountOf` does: `a/b:`, `a/b:host/x`, `a/b:host/x/TIME`. */
export async function referenceAccount(store: Datastore): Promise<Map<string, Bytes>> {
  const holders = await chunkHolders(store);
  const nodes = new Map<string, string>();
  const files = new Map<string, number>();
  for (const ns of await store.listNamespaces([])) {
    const name = formatNamespace(ns);
    nodes.set(`${name}:`, ns.length === 0 ? '' : `${ns.map((part) => `ns/${part}`).join('/')}/`);
    for (const snapshot of await store.listSnapshots(ns)) {
      const path = `${snapshotPath(ns, snapshot)}/`;
      nodes.set(`${name}:${formatGroup(snapshot)}`, path.slice(0, path.lastIndexOf('/', path.length - 2) + 1));
      nodes.set(`${name}:${formatGroup(snapshot)}/${formatUtc(snapshot.time)}`, path);
      files.set(path, fileBytes(`${store.path}/${path}`));
    }
  }
  const result = new Map<string, Bytes>();
  for (const [node, path] of nodes) {
    let own = 0;
    for (const [snapshot, bytes] of files) if (snapshot.startsWith(path)) own += bytes;
    const bytes = { unique: own, referenced: own };
    for (const [digest, paths] of holders) {
      const inside = paths.filter((holder) => holder.startsWith(path)).length;
      if (inside > 0) bytes.referenced += sizeOf(store, digest);
      if (inside === paths.length) bytes.unique += sizeOf(store, digest);
    }
    result.set(node, bytes);
  }
  return result;
}

/** What the removal of all of these frees, with their files. */
export async function referenceFreed(
  store: Datastore,
  removed: readonly { ns: Namespace; snapshot: BackupSnapshot }[],
): Promise<number> {
  const paths = removed.map(({ ns, snapshot }) => `${snapshotPath(ns, snapshot)}/`);
  let freed = paths.reduce((sum, path) => sum + fileBytes(`${store.path}/${path}`), 0);
  for (const [digest, holders] of await chunkHolders(store)) {
    if (holders.every((holder) => paths.some((path) => holder.startsWith(path)))) freed += sizeOf(store, digest);
  }
  return freed;
}

/** For each digest the index files that name it, relative to the datastore. */
async function chunkHolders(store: Datastore): Promise<Map<string, string[]>> {
  const holders = new Map<string, string[]>();
  for (const { path } of await findIndexFiles(store.path)) {
    const index = parseIndex(path, fs.readFileSync(path), path);
    const digests = new Set(Array.from({ length: index.count }, (_, i) => toHex(index.digestAt(i))));
    for (const digest of digests) {
      const list = holders.get(digest) ?? [];
      list.push(path.slice(store.path.length + 1));
      holders.set(digest, list);
    }
  }
  return holders;
}

function sizeOf(store: Datastore, digest: string): number {
  return fs.statSync(chunkPath(store.path, digest), { throwIfNoEntry: false })?.size ?? 0;
}

function fileBytes(directory: string): number {
  const names = fs.readdirSync(directory).filter((name) => !name.startsWith('.'));
  return names.reduce((sum, name) => sum + fs.statSync(`${directory}/${name}`).size, 0);
}

/** The nodes of an account, named as above. */
export function accountOf(state: AccountingState): Map<string, Bytes> {
  const result = new Map<string, Bytes>();
  const put = (name: string, { unique, referenced }: Bytes) => result.set(name, { unique, referenced });
  for (const node of state.namespaces) put(`${node.ns}:`, node);
  for (const group of state.groups) {
    if (group.type === 'stray') continue;
    const name = `${group.ns}:${group.type}/${group.id}`;
    put(name, group);
    for (const snapshot of group.snapshots) put(`${name}/${formatUtc(snapshot.time)}`, snapshot);
  }
  return result;
}
