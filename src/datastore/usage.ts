// How full a datastore is, what it holds, and what the last garbage collection found (formats.md 13.2; rest-api.md 8).

import * as fs from 'node:fs';
import { storeOwner } from '../chunk-store/ownership.ts';
import type { BackupType } from '../model/names.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { groupNames, snapshotTimes } from './groups.ts';
import { listNamespaces } from './namespaces.ts';
import { ifExists, type StoreContext } from './store-context.ts';

export interface StorageStatus {
  total: number;
  used: number;
  avail: number;
}

/** Absent: no group of that type. */
export type Counts = Partial<Record<BackupType, { groups: number; snapshots: number }>>;

export interface GcStatus {
  upid: string | null;
  'index-file-count': number;
  'index-data-bytes': number;
  'disk-bytes': number;
  'disk-chunks': number;
  'removed-bytes': number;
  'removed-chunks': number;
  'pending-bytes': number;
  'pending-chunks': number;
  'removed-bad': number;
  'still-bad': number;
  'cache-stats'?: { hits: number; misses: number };
}

export function storageStatus(stat: fs.StatsFs): StorageStatus {
  return {
    total: stat.blocks * stat.bsize,
    used: (stat.blocks - stat.bfree) * stat.bsize,
    avail: stat.bavail * stat.bsize,
  };
}

/** Counts groups that have snapshots, in all namespaces. */
export async function countAll(store: StoreContext): Promise<Counts> {
  const counts: Counts = {};
  for (const ns of await listNamespaces(store, [])) {
    for (const group of await groupNames(store, ns)) {
      const snapshots = (await snapshotTimes(store, ns, group)).length;
      if (snapshots === 0) continue;
      counts[group.type] ??= { groups: 0, snapshots: 0 };
      const count = counts[group.type]!;
      count.groups++;
      count.snapshots += snapshots;
    }
  }
  return counts;
}

/** Replaces `.gc-status`, members in the original's order. */
export async function writeGcStatus(store: StoreContext, status: GcStatus): Promise<void> {
  const { upid, 'cache-stats': cache } = status;
  const counts = Object.fromEntries(countNames.map((name) => [name, status[name]]));
  const text = JSON.stringify({ upid, ...counts, ...(cache === undefined ? {} : { 'cache-stats': cache }) });
  const owner = storeOwner();
  await replaceFile(`${store.base}/.gc-status`, text, { mode: 0o644, ...(owner === undefined ? {} : { owner }) });
}

const countNames = [
  'index-file-count',
  'index-data-bytes',
  'disk-bytes',
  'disk-chunks',
  'removed-bytes',
  'removed-chunks',
  'pending-bytes',
  'pending-chunks',
  'removed-bad',
  'still-bad',
] as const;

/** Reads `.gc-status`; what is missing or unreadable counts as 0. */
export async function readGcStatus(store: StoreContext): Promise<GcStatus> {
  const text = await ifExists(fs.promises.readFile(`${store.base}/.gc-status`, 'utf8')).catch(() => undefined);
  return parseGcStatus(text ?? '{}');
}

export function parseGcStatus(text: string): GcStatus {
  const raw = parseObject(text);
  const count = (value: unknown): number => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0);
  const counts = Object.fromEntries(countNames.map((name) => [name, count(raw[name])])) as Record<
    (typeof countNames)[number],
    number
  >;
  const upid = raw['upid'];
  const status: GcStatus = { upid: typeof upid === 'string' ? upid : null, ...counts };
  const cache = raw['cache-stats'];
  if (typeof cache === 'object' && cache !== null && 'hits' in cache && 'misses' in cache) {
    status['cache-stats'] = { hits: count(cache.hits), misses: count(cache.misses) };
  }
  return status;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
