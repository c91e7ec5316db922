// What accounting keeps, in `.accounting` below the datastore: `state.json`, replaced as a whole, with the figures and
// the name of the reference table that they came from. The original product passes over hidden names.

import * as fs from 'node:fs';
import { isErrno } from '../../base/errors.ts';
import { storeOwner } from '../../chunk-store/ownership.ts';
import type { BackupType } from '../../model/names.ts';
import { replaceFileSync } from '../../os/atomic-file.ts';
import type { TableParts } from './reference-table.ts';

/** `unique`: what its removal frees; `referenced`: what all its files and chunks take, each once. Bytes on disk. */
export interface NodeBytes {
  unique: number;
  referenced: number;
}

export interface SnapshotBytes extends NodeBytes {
  /** Epoch seconds. */
  time: number;
  /** Of the files in its directory; included in the other two. */
  files: number;
  stamp: string;
  /** Why the chunks that it names are not all known. */
  problem?: string;
}

export interface GroupBytes extends NodeBytes {
  ns: string;
  type: BackupType | 'stray';
  id: string;
  /** In the order of their ordinals, which go on from group to group. */
  snapshots: SnapshotBytes[];
}

export interface NamespaceBytes extends NodeBytes {
  ns: string;
}

export interface AccountingState {
  version: 1;
  /** When the datastore was looked through, epoch seconds. */
  at: number;
  /** When a garbage collection last measured all chunks; absent before the first. */
  measured?: number;
  /** Chunks that some snapshot names. */
  chunks: number;
  /** Bytes of chunks that no snapshot names: as the last collection found them, and what was removed since. */
  unreferenced: number;
  table: TableParts & { name: string };
  namespaces: NamespaceBytes[];
  groups: GroupBytes[];
}

export function accountingDirectory(base: string): string {
  return `${base}/.accounting`;
}

function statePath(base: string): string {
  return `${accountingDirectory(base)}/state.json`;
}

/** Tells one state file from another; undefined when there is none. */
export function stateMark(base: string): string | undefined {
  const stat = fs.statSync(statePath(base), { throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

/** Undefined when there is none, or none that can be read: then everything is found out anew. */
export function readState(base: string): AccountingState | undefined {
  try {
    const state = JSON.parse(fs.readFileSync(statePath(base), 'utf8')) as Partial<AccountingState> | null;
    return state?.version === 1 && state.table && state.groups && state.namespaces
      ? (state as AccountingState)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export function writeState(base: string, state: AccountingState): void {
  const owner = storeOwner();
  replaceFileSync(statePath(base), JSON.stringify(state), { mode: 0o640, ...(owner ? { owner } : {}) });
}
