// Reading and changing the manifest of a snapshot. Only its unprotected part is ever changed, under the manifest
// lock, by atomic replacement (formats.md 8.6).

import * as fs from 'node:fs';
import { GranaryError } from '../base/errors.ts';
import { decodeManifestBlob, encodeManifestBlob, type Manifest } from '../format/manifest.ts';
import type { BackupSnapshot, Namespace } from '../model/backup.ts';
import { formatSnapshot } from '../model/backup.ts';
import { manifestName, maxBlobSize } from '../model/names.ts';
import { asGranaryError, ifExists, type StoreContext, snapshotDirectory, storeFile } from './store-context.ts';

export interface StoredManifest {
  manifest: Manifest;
  /** Length of the stored file. */
  storedSize: number;
}

/** The manifest of a snapshot; undefined when it has none: it is not finished, or does not exist. */
export async function loadManifest(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
): Promise<StoredManifest | undefined> {
  const path = `${snapshotDirectory(store, ns, snapshot)}/${manifestName}`;
  const what = `manifest "${path}"`;
  let raw: Uint8Array | undefined;
  try {
    raw = await ifExists(fs.promises.readFile(path));
  } catch (error) {
    throw asGranaryError(`unable to load ${what}`, error);
  }
  if (!raw) return undefined;
  if (raw.byteLength > maxBlobSize)
    throw new GranaryError('blob-invalid', `${what} has ${raw.byteLength} bytes, too many`);
  return { manifest: decodeManifestBlob(raw, what), storedSize: raw.byteLength };
}

/** As `loadManifest`, but a missing one is an error. */
export async function requireManifest(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
): Promise<StoredManifest> {
  const stored = await loadManifest(store, ns, snapshot);
  if (stored) return stored;
  throw new GranaryError('bad-request', `manifest not found for snapshot '${formatSnapshot(snapshot)}'`);
}

/** Lets `change` set members of the unprotected part, and writes the result; nothing is written when it throws. */
export async function updateManifest(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
  change: (unprotected: Record<string, unknown>) => void,
): Promise<Manifest> {
  await requireManifest(store, ns, snapshot); // No lock file for what does not exist.
  using _lock = await store.locks.manifest(ns, snapshot);
  const { manifest } = await requireManifest(store, ns, snapshot);
  const changed = { ...manifest, unprotected: { ...manifest.unprotected } };
  change(changed.unprotected);
  await writeManifest(store, ns, snapshot, changed);
  return changed;
}

/** Writes a manifest in place of the stored one. The caller holds the manifest lock. */
export async function writeManifest(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
  manifest: Manifest,
): Promise<void> {
  const path = `${snapshotDirectory(store, ns, snapshot)}/${manifestName}`;
  try {
    await storeFile(store, path, encodeManifestBlob(manifest), store.syncLevel !== 'none');
  } catch (error) {
    throw asGranaryError(`unable to write manifest "${path}"`, error);
  }
}
