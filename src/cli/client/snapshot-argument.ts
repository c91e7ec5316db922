// Snapshots and groups as arguments: parsing, and the newest snapshot of a group (cli.md 4, 12).

import { GranaryError } from '../../base/errors.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  parseGroup as parseGroupText,
  parseSnapshot as parseSnapshotText,
} from '../../model/backup.ts';
import { option } from '../framework/options.ts';
import { storePath, type Target } from './repository-options.ts';

export const snapshotArgument = option.text('Snapshot: TYPE/ID/TIME, or TYPE/ID/latest.');
export const snapshotOrGroupArgument = option.text('Snapshot, or group for its newest snapshot: TYPE/ID[/TIME].');
export const groupArgument = option.text('Backup group: TYPE/ID.');

/** One entry of a listing of snapshots, as far as commands read it. */
export interface SnapshotEntry {
  'backup-type': BackupSnapshot['type'];
  'backup-id': string;
  'backup-time': number;
  size?: number;
  files: { filename: string; size?: number; 'crypt-mode'?: string }[];
  [name: string]: unknown;
}

export function parseGroup(text: string): BackupGroup {
  const group = parseGroupText(text);
  if (!group) throw new GranaryError('usage', `unable to parse backup group path '${text}'`);
  return group;
}

/** The snapshot an argument names in full, or by `TYPE/ID/latest`. */
export async function findSnapshot(target: Target, text: string): Promise<BackupSnapshot> {
  const snapshot = parseSnapshotText(text);
  if (snapshot) return snapshot;
  const group = text.endsWith('/latest') ? parseGroupText(text.slice(0, -'/latest'.length)) : undefined;
  if (!group) throw new GranaryError('usage', `unable to parse backup snapshot path '${text}'`);
  return newestSnapshot(target, group);
}

/** Like `findSnapshot`, but a group alone is its newest snapshot too. */
export async function findSnapshotOrNewest(target: Target, text: string): Promise<BackupSnapshot> {
  const group = parseGroupText(text);
  return group ? newestSnapshot(target, group) : findSnapshot(target, text);
}

/** The newest finished snapshot of a group: one that has a size, for only a manifest gives it one. */
async function newestSnapshot(target: Target, group: BackupGroup): Promise<BackupSnapshot> {
  const list = (await target.connection.call('GET', storePath(target, 'snapshots'), {
    ...groupParameters(target, group),
  })) as SnapshotEntry[];
  const times = list.filter((entry) => entry.size !== undefined).map((entry) => entry['backup-time']);
  if (times.length === 0) {
    throw new GranaryError('not-found', `backup group '${formatGroup(group)}' does not contain any snapshots.`);
  }
  return { ...group, time: Math.max(...times) };
}

/** The parameters by which calls name a group; the root namespace is left out. */
export function groupParameters(target: { ns: string }, group: BackupGroup): Record<string, unknown> {
  return { ...nsParameter(target), 'backup-type': group.type, 'backup-id': group.id };
}

export function snapshotParameters(target: { ns: string }, snapshot: BackupSnapshot): Record<string, unknown> {
  return { ...groupParameters(target, snapshot), 'backup-time': snapshot.time };
}

export function nsParameter(target: { ns: string }): Record<string, unknown> {
  return target.ns === '' ? {} : { ns: target.ns };
}
