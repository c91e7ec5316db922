// What another server lists of a datastore: items one by one, each checked before it is used (rest-api.md 7.3).

import { GranaryError } from '../base/errors.ts';
import type { Connection } from '../client/connection.ts';
import { type BackupGroup, formatNamespace, type Namespace, parseNamespace } from '../model/backup.ts';
import { isBackupType, isSafeId } from '../model/names.ts';

/** One item of a listing, as it came. */
export type ListedItem = Record<string, unknown>;

/** `what` is the call below the datastore: `namespace`, `groups`, `snapshots`. */
export async function* listRemote(
  connection: Pick<Connection, 'list'>,
  store: string,
  what: string,
  parameters: Readonly<Record<string, unknown>>,
): AsyncGenerator<ListedItem> {
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
  for await (const item of connection.list(remoteStorePath(store, what), given)) yield item as ListedItem;
}

export function remoteStorePath(store: string, what: string): string {
  return `admin/datastore/${encodeURIComponent(store)}/${what}`;
}

/** The root is not named in queries. */
export function nsParameter(ns: Namespace): string | undefined {
  return ns.length === 0 ? undefined : formatNamespace(ns);
}

/** This and the others throw `protocol` for an item that is not what it should be. */
export function namespaceOf(item: ListedItem): Namespace {
  const { ns } = item;
  if (typeof ns !== 'string') throw malformed('a namespace', item);
  return parseNamespace(ns);
}

export function groupOf(item: ListedItem): BackupGroup {
  const { 'backup-type': type, 'backup-id': id } = item;
  if (typeof type !== 'string' || !isBackupType(type) || typeof id !== 'string' || !isSafeId(id)) {
    throw malformed('a group', item);
  }
  return { type, id };
}

/** Epoch seconds of a snapshot of the group; of another group is `protocol` too. */
export function snapshotTime(item: ListedItem, group: BackupGroup): number {
  const { type, id } = groupOf(item);
  const { 'backup-time': time } = item;
  if (type !== group.type || id !== group.id) throw malformed('a snapshot of the group', item);
  if (typeof time !== 'number' || !Number.isSafeInteger(time) || time < 1) throw malformed('a snapshot', item);
  return time;
}

function malformed(what: string, item: ListedItem): GranaryError {
  return new GranaryError('protocol', `the remote lists what is not ${what}: ${JSON.stringify(item).slice(0, 200)}`);
}
