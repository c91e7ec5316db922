// Where snapshots come from, whatever it is: a datastore of another server or one of this one (sync.md 4 and 5).

import type { BackupGroup, BackupSnapshot, Namespace } from '../model/backup.ts';
import { clientLogName, manifestName } from '../model/names.ts';

/** What a listing says of a snapshot. */
export interface SourceSnapshot {
  /** Epoch seconds. */
  time: number;
  /** False while it is being written. */
  finished: boolean;
  /** Bytes of content of all files; 0 while nobody knows. */
  size: number;
  /** Its last verification on the source was a success. */
  verified: boolean;
  /** All of its files are encrypted. */
  encrypted: boolean;
}

export interface SyncSource extends AsyncDisposable {
  /** The anchor itself and what is below it, as far as one may see it. `not-found` when there is no such listing. */
  listNamespaces(anchor: Namespace, maxDepth: number | undefined): Promise<Namespace[]>;
  /** In any order. Breaks off with an error: what came until then is not all. */
  listGroups(ns: Namespace): AsyncIterable<BackupGroup>;
  listSnapshots(ns: Namespace, group: BackupGroup): Promise<SourceSnapshot[]>;
  /** Holds the snapshot until the answer is disposed of; undefined when it is not there any more. */
  openSnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<SourceReader | undefined>;
}

/** The stored files and chunks of one snapshot, as they are. Many calls may be under way. */
export interface SourceReader extends AsyncDisposable {
  /** A stored file, undefined when there is no such blob. An index that was loaded makes its chunks available. */
  file(name: string, limit: number): Promise<Uint8Array | undefined>;
  /** Reads an encoded chunk into `room` and gives its length; one that does not fit in is an error. */
  chunk(digest: Uint8Array, room: Uint8Array, signal?: AbortSignal): Promise<number>;
}

/** Whether all files are encrypted and the manifest is signed, by names and modes; the log does not count (sync.md 8). */
export function isEncryptedSnapshot(files: readonly (readonly [name: unknown, cryptMode: unknown])[]): boolean {
  return files.every(([name, mode]) => {
    if (name === clientLogName) return true;
    return mode === (name === manifestName ? 'sign-only' : 'encrypt');
  });
}
