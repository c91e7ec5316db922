// Snapshots as listings show them, their notes, protection and client log (formats.md 13.2, 13.5; rest-api.md 8).

import * as fs from 'node:fs';
import { GranaryError, messageOf } from '../base/errors.ts';
import { mapOrdered } from '../base/streams.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import { checkBlob } from '../format/blob.ts';
import type { AuthId } from '../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, formatSnapshot, type Namespace } from '../model/backup.ts';
import { type BackupType, type CryptMode, clientLogName, manifestName } from '../model/names.ts';
import { createFileExclusive } from '../os/atomic-file.ts';
import { firstLine, groupNames, groupSnapshots, ownerIfReadable, storedFileNames } from './groups.ts';
import type { SnapshotFacts } from './listed-snapshots.ts';
import { loadManifest, requireManifest, type StoredManifest, updateManifest } from './manifests.ts';
import { asGranaryError, ifExists, noEntry, type StoreContext, snapshotDirectory } from './store-context.ts';

export interface SnapshotFile {
  filename: string;
  cryptMode?: CryptMode;
  /** As the manifest counts it (formats.md 8.1); of the manifest itself the length of its file. */
  size?: number;
}

export interface SnapshotInfo extends BackupSnapshot {
  files: SnapshotFile[];
  /** Whether it has a manifest. */
  finished: boolean;
  /** Sum of the known sizes; absent without a readable manifest. */
  size?: number;
  owner?: AuthId;
  protected: boolean;
  /** First line of the notes. */
  comment?: string;
  /** Fingerprint of the key. */
  fingerprint?: string;
  verification?: VerifyState;
  /** Why the manifest that is there cannot be used. */
  manifestError?: string;
}

export interface VerifyState {
  state: 'ok' | 'failed';
  upid: string;
}

const parallelReads = 16;

/** Snapshots of a namespace, all or of one type or id: groups in order, each group's oldest first. */
export async function listSnapshots(
  store: StoreContext,
  ns: Namespace,
  filter: { type?: BackupType; id?: string } = {},
): Promise<SnapshotInfo[]> {
  const result: SnapshotInfo[] = [];
  for (const group of await groupNames(store, ns)) {
    if (filter.type !== undefined && group.type !== filter.type) continue;
    if (filter.id !== undefined && group.id !== filter.id) continue;
    result.push(...(await listGroupSnapshots(store, ns, group)));
  }
  return result;
}

/** The snapshots of one group, oldest first. */
export async function listGroupSnapshots(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
): Promise<SnapshotInfo[]> {
  const owner = await ownerIfReadable(store, ns, group);
  const snapshots = await groupSnapshots(store, ns, group);
  const infos: SnapshotInfo[] = [];
  const described = mapOrdered(snapshots, parallelReads, (snapshot) =>
    store.listed.facts(snapshotDirectory(store, ns, snapshot), () => readFacts(store, ns, snapshot)),
  );
  for await (const facts of described) infos.push(owner === undefined ? facts : { ...facts, owner });
  return infos;
}

async function readFacts(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): Promise<SnapshotFacts> {
  let stored: StoredManifest | undefined;
  let manifestError: string | undefined;
  try {
    stored = await loadManifest(store, ns, snapshot);
  } catch (error) {
    if (!(error instanceof GranaryError)) throw error;
    manifestError = messageOf(error);
  }
  const names = await storedFileNames(snapshotDirectory(store, ns, snapshot));
  const files = describeFiles(names, stored);
  const info: SnapshotFacts = {
    ...snapshot,
    files,
    finished: stored !== undefined || manifestError !== undefined,
    protected: isProtected(store, ns, snapshot),
  };
  if (manifestError !== undefined) info.manifestError = manifestError;
  if (!stored) return info;
  info.size = files.reduce((sum, file) => sum + (file.size ?? 0), 0);
  const { notes, 'key-fingerprint': fingerprint, verify_state: state } = stored.manifest.unprotected;
  if (typeof notes === 'string' && firstLine(notes) !== '') info.comment = firstLine(notes);
  if (typeof fingerprint === 'string') info.fingerprint = fingerprint;
  const verification = parseVerifyState(state);
  if (verification) info.verification = verification;
  return info;
}

/** What retention has to know of each snapshot of a group, oldest first: one look at each directory. */
export async function pruneCandidates(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
): Promise<(BackupSnapshot & { finished: boolean; protected: boolean })[]> {
  const candidates: (BackupSnapshot & { finished: boolean; protected: boolean })[] = [];
  const snapshots = await groupSnapshots(store, ns, group);
  const looked = mapOrdered(snapshots, parallelReads, async (snapshot) => {
    const directory = snapshotDirectory(store, ns, snapshot);
    const names = await ifExists(fs.promises.readdir(directory)).catch((error: unknown) => {
      throw asGranaryError(`listing "${directory}" failed`, error);
    });
    return names && { ...snapshot, finished: names.includes(manifestName), protected: names.includes(protectedName) };
  });
  for await (const candidate of looked) if (candidate !== undefined) candidates.push(candidate);
  return candidates;
}

/** What the manifest lists, then the manifest, then what else is there, without size and mode. */
function describeFiles(names: readonly string[], stored: StoredManifest | undefined): SnapshotFile[] {
  const files: SnapshotFile[] = [];
  if (stored) {
    const { manifest, storedSize } = stored;
    for (const file of manifest.files) {
      files.push({ filename: file.filename, cryptMode: file['crypt-mode'], size: file.size });
    }
    const cryptMode = manifest.signature === null ? 'none' : 'sign-only';
    files.push({ filename: manifestName, cryptMode, size: storedSize });
  }
  const listed = new Set(files.map((file) => file.filename));
  for (const filename of names) if (!listed.has(filename)) files.push({ filename });
  return files;
}

/** The verify state of an unprotected part; undefined for anything that is none. */
export function parseVerifyState(value: unknown): VerifyState | undefined {
  if (typeof value !== 'object' || value === null || !('state' in value) || !('upid' in value)) return undefined;
  const { state, upid } = value;
  if ((state !== 'ok' && state !== 'failed') || typeof upid !== 'string') return undefined;
  return { state, upid };
}

/** The files of a finished snapshot; an error when it has no manifest. */
export async function snapshotFiles(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
): Promise<SnapshotFile[]> {
  const stored = await requireManifest(store, ns, snapshot);
  return describeFiles(await storedFileNames(snapshotDirectory(store, ns, snapshot)), stored);
}

export async function snapshotExists(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): Promise<boolean> {
  return (await ifExists(fs.promises.lstat(snapshotDirectory(store, ns, snapshot))))?.isDirectory() ?? false;
}

/** Whole notes of a snapshot; empty when it has none. */
export async function snapshotNotes(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): Promise<string> {
  const { notes } = (await requireManifest(store, ns, snapshot)).manifest.unprotected;
  return typeof notes === 'string' ? notes : '';
}

export async function setSnapshotNotes(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
  notes: string,
): Promise<void> {
  await updateManifest(store, ns, snapshot, (unprotected) => {
    unprotected['notes'] = notes;
  });
}

const protectedName = '.protected';

function protectionPath(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): string {
  return `${snapshotDirectory(store, ns, snapshot)}/${protectedName}`;
}

/** Whether a snapshot may not be removed; false for one that does not exist. Throws when that cannot be found out. */
export function isProtected(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): boolean {
  return fs.lstatSync(protectionPath(store, ns, snapshot), { throwIfNoEntry: false }) !== undefined;
}

/** Sets or clears the protection, under the exclusive snapshot lock. */
export async function setProtected(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
  value: boolean,
): Promise<void> {
  if (!(await snapshotExists(store, ns, snapshot))) throw noEntry(`snapshot '${formatSnapshot(snapshot)}'`);
  using _lock = await store.locks.snapshot(ns, snapshot);
  if (!(await snapshotExists(store, ns, snapshot))) throw noEntry(`snapshot '${formatSnapshot(snapshot)}'`);
  const path = protectionPath(store, ns, snapshot);
  try {
    if (value) {
      await store.mirror.put(path, '');
      await createFileExclusive(path, '', { mode: 0o644, durable: store.syncLevel !== 'none', owner: storeOwner() });
    } else {
      await store.mirror.remove(path);
      fs.rmSync(path, { force: true });
    }
  } catch (error) {
    throw asGranaryError(`unable to change protection of '${formatSnapshot(snapshot)}'`, error);
  }
}

/** Stores the client's log, once. `raw` is a data blob, encrypted or plain. */
export async function uploadLog(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
  raw: Uint8Array,
): Promise<void> {
  checkBlob(raw, '');
  if (!(await snapshotExists(store, ns, snapshot))) throw noEntry(`snapshot '${formatSnapshot(snapshot)}'`);
  using _lock = await store.locks.snapshotShared(ns, snapshot);
  if (!(await snapshotExists(store, ns, snapshot))) throw noEntry(`snapshot '${formatSnapshot(snapshot)}'`);
  const path = `${snapshotDirectory(store, ns, snapshot)}/${clientLogName}`;
  let made = false;
  try {
    made = await createFileExclusive(path, raw, {
      mode: 0o644,
      durable: store.syncLevel !== 'none',
      owner: storeOwner(),
    });
    // The one file that is made first: whoever makes it has the right to the name.
    if (made) await store.mirror.put(path, raw);
  } catch (error) {
    if (made) fs.rmSync(path, { force: true });
    throw asGranaryError(`unable to write client log of '${formatSnapshot(snapshot)}'`, error);
  }
  if (!made) throw new GranaryError('already-exists', 'backup already contains a log.');
}
