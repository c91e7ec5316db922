// Datastores for tests, and whole backups written through the transaction as a session writes them.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { unpackFixture } from '../../../test/support/fixture.ts';
import { scratchFolder } from '../../../test/support/scratch.ts';
import type { Clock } from '../../base/clock.ts';
import { receiveChunk } from '../../chunk-store/testing/chunk-store-suite.ts';
import { plainChunk, type TestChunk } from '../../chunk-store/testing/chunks.ts';
import { createWorkers, type StoreWorkers } from '../../chunk-store/workers.ts';
import type { CryptConfig } from '../../crypto/crypt-config.ts';
import { dynamicEntrySize, encodeDynamicEntry } from '../../format/dynamic-index.ts';
import { encodeManifestBlob, type Manifest, type ManifestFile, signManifest } from '../../format/manifest.ts';
import type { AuthId } from '../../model/auth-id.ts';
import type { BackupSnapshot, Namespace } from '../../model/backup.ts';
import { archiveKind, fixedChunkSize, manifestName } from '../../model/names.ts';
import type { BackupTransaction, IndexWriter, UploadStats } from '../backup-transaction.ts';
import { Datastore, type DatastoreOptions } from '../datastore.ts';

export const noStats: UploadStats = { count: 0, size: 0, compressedSize: 0, duplicates: 0 };

export interface TemporaryStore extends AsyncDisposable {
  store: Datastore;
  base: string;
  lockDir: string;
  /** Opens the same datastore once more, as another process would. */
  reopen(base?: string): Promise<Datastore>;
}

/** Everything inline, so that failpoints of this thread reach it. */
const workers: StoreWorkers = createWorkers({ threads: 0, slotMemory: 40 * 1024 * 1024 });

/** An empty datastore without the 65,536 directories, or a copy of the fixture. */
export async function temporaryStore(
  options: Partial<DatastoreOptions> & { fixture?: boolean; clock?: Clock } = {},
): Promise<TemporaryStore> {
  const root = scratchFolder('granary-store-');
  const lockDir = join(root, 'locks');
  const base = options.fixture ? unpackFixture() : join(root, 'store');
  if (!options.fixture) fs.mkdirSync(join(base, '.chunks'), { recursive: true });
  const { clock, tuning = { 'sync-level': 'none' } } = options;
  const reopen = (path = base): Promise<Datastore> =>
    Datastore.open('fixture', { path, tuning, verifyNew: options.verifyNew }, { lockDir, clock, workers });
  return {
    store: await reopen(),
    base,
    lockDir,
    reopen,
    async [Symbol.asyncDispose]() {
      fs.rmSync(root, { recursive: true, force: true });
      if (options.fixture) fs.rmSync(base, { recursive: true, force: true });
    },
  };
}

export interface BackupContent {
  /** Stored index names and their chunks in order. */
  archives?: Record<string, TestChunk[]>;
  /** Stored blob names and raw blobs. */
  blobs?: Record<string, Uint8Array>;
  /** What the manifest is to be instead: signed, with notes. */
  edit?: (manifest: Manifest) => Manifest;
}

export const owner: AuthId = 'admin@pbs';

export function host(id: string, time: number): BackupSnapshot {
  return { type: 'host', id, time };
}

export function text(seed: string): Uint8Array {
  return new TextEncoder().encode(`${seed} `.repeat(1000));
}

/** A backup with one archive of two chunks and one blob, all made from `seed`. */
export function simpleContent(seed: string): BackupContent {
  return {
    archives: { 'root.pxar.didx': [plainChunk(text(`${seed} one`)), plainChunk(text(`${seed} two`))] },
    blobs: { 'host.conf.blob': plainChunk(text(`${seed} conf`)).blob },
  };
}

/** Makes a finished snapshot. */
export async function writeBackup(
  store: Datastore,
  snapshot: BackupSnapshot,
  content: BackupContent = simpleContent(`${snapshot.id} ${snapshot.time}`),
  ns: Namespace = [],
): Promise<void> {
  await using transaction = await store.beginBackup(ns, snapshot, { owner });
  const files = await uploadAll(store, transaction, content);
  await transaction.writeBlob(manifestName, manifestBlob(snapshot, files, content.edit));
  await transaction.commit(noStats);
}

/** Uploads everything but the manifest; gives the manifest's entries. */
export async function uploadAll(
  store: Datastore,
  transaction: BackupTransaction,
  content: BackupContent,
): Promise<ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const [name, chunks] of Object.entries(content.archives ?? {})) {
    for (const chunk of chunks) await receiveChunk(store.chunks, chunk);
    files.push(await writeIndex(transaction, name, chunks));
  }
  for (const [name, raw] of Object.entries(content.blobs ?? {})) {
    await transaction.writeBlob(name, raw);
    files.push({ filename: name, 'crypt-mode': 'none', size: raw.byteLength, csum: sha256(raw) });
  }
  return files;
}

export async function writeIndex(
  transaction: BackupTransaction,
  name: string,
  chunks: readonly TestChunk[],
): Promise<ManifestFile> {
  const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const fixed = archiveKind(name) === 'fixed';
  const writer: IndexWriter = fixed
    ? await transaction.openFixedIndex(name, { size })
    : await transaction.openDynamicIndex(name);
  let offset = 0;
  for (const { digest, size: length } of chunks) {
    writer.append(fixed ? Math.floor(offset / fixedChunkSize) * fixedChunkSize : offset, digest, length);
    offset += length;
  }
  const checksum = fixed ? fixedChecksum(chunks) : dynamicChecksum(chunks);
  await writer.close({ count: chunks.length, size, checksum });
  return { filename: name, 'crypt-mode': 'none', size, csum: Buffer.from(checksum).toString('hex') };
}

export function fixedChecksum(chunks: readonly TestChunk[]): Uint8Array {
  const hash = createHash('sha256');
  for (const { digest } of chunks) hash.update(digest);
  return hash.digest();
}

export function dynamicChecksum(chunks: readonly TestChunk[]): Uint8Array {
  const entries = new Uint8Array(chunks.length * dynamicEntrySize);
  let end = 0;
  chunks.forEach(({ digest, size }, i) => {
    end += size;
    encodeDynamicEntry(entries, i * dynamicEntrySize, end, digest);
  });
  return createHash('sha256').update(entries).digest();
}

export function manifestBlob(
  snapshot: BackupSnapshot,
  files: ManifestFile[],
  edit: (manifest: Manifest) => Manifest = (manifest) => manifest,
): Uint8Array {
  return encodeManifestBlob(edit({ ...snapshot, files, signature: null, unprotected: {} }));
}

/** A manifest as of a backup with a key: all files encrypted, signed. */
export function sealManifest(manifest: Manifest, crypt: CryptConfig): Manifest {
  const files = manifest.files.map((file) => ({ ...file, 'crypt-mode': 'encrypt' as const }));
  return signManifest({ ...manifest, files }, crypt);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `TYPE/ID/TIME` of every finished snapshot of a namespace, as text with epoch seconds. */
export async function finishedSnapshots(store: Datastore, ns: Namespace = []): Promise<string[]> {
  const snapshots = await store.listSnapshots(ns);
  return snapshots.filter(({ finished }) => finished).map(({ type, id, time }) => `${type}/${id}/${time}`);
}
