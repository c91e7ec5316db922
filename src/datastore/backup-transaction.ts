// A backup being written: locks, the new snapshot directory, its files, and the step that makes it a finished
// snapshot (backup-protocol.md 2.2 checks 11 to 17, 5, 6; formats.md 13.5).
//
// Until `commit` the snapshot has no manifest, so that it is unfinished whatever happens: an uploaded manifest is
// held back. `commit` makes everything else durable first and the manifest visible last. Dispose without commit
// removes the snapshot directory.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { toHex } from '../base/bytes.ts';
import { epochSeconds } from '../base/clock.ts';
import { GranaryError, isErrno, messageOf, withContext } from '../base/errors.ts';
import { makeDirectorySync } from '../chunk-store/ownership.ts';
import { checkBlob } from '../format/blob.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { decodeManifestBlob, type Manifest } from '../format/manifest.ts';
import { type AuthId, ownerMatches } from '../model/auth-id.ts';
import { type BackupSnapshot, formatSnapshot, type Namespace, snapshotPath } from '../model/backup.ts';
import { archiveKind, fixedChunkSize, isSafeId, manifestName } from '../model/names.ts';
import { failpoint } from '../os/failpoint.ts';
import type { FileLock } from '../os/file-lock.ts';
import { groupSnapshots } from './groups.ts';
import { DynamicIndexWriter, FixedIndexWriter, type IndexWriter, type IndexWriterOptions } from './index-writer.ts';
import { loadManifest, writeManifest } from './manifests.ts';
import { namespaceExists } from './namespaces.ts';
import { removeGroupDirectory, removeSnapshotDirectory } from './removal.ts';
import { claimGroup, makeDurable } from './snapshot-steps.ts';
import { parseVerifyState, snapshotExists } from './snapshots.ts';
import { asGranaryError, type StoreContext, snapshotDirectory, snapshotFilePath, storeFile } from './store-context.ts';
import { openIndexFile, readStoredFile } from './stored-files.ts';
import type { WriterHandle } from './writers.ts';

export type { ClosedIndex, IndexClaim, IndexWriter } from './index-writer.ts';

/** What a session uploaded, as `unprotected.chunk_upload_stats` counts it (formats.md 8.2). */
export interface UploadStats {
  count: number;
  size: number;
  compressedSize: number;
  duplicates: number;
}

export interface BackupOptions {
  /** Who makes the backup; a new group will be theirs. */
  owner: AuthId;
  /** For `host/benchmark`: no owner check, and the snapshot is removed in any case. */
  benchmark?: boolean;
}

/** The newest finished snapshot of the group, which the new one may build upon. */
export interface BaseSnapshot {
  snapshot: BackupSnapshot;
  manifest: Manifest;
}

/** Chunks of a previous index that are touched at once: bounds what is held for a large one. */
const touchWindow = 65536;

/** What a file of this session turned out to be; a manifest has to say the same. */
interface UploadedFile {
  size: number;
  csum: string;
}

export class BackupTransaction implements AsyncDisposable {
  readonly ns: Namespace;
  readonly snapshot: BackupSnapshot;
  /** Absent when the group has no finished snapshot, or its newest failed verification. */
  readonly base: BaseSnapshot | undefined;
  readonly #store: StoreContext;
  readonly #benchmark: boolean;
  readonly #locks: HeldLocks;
  readonly #directory: string;
  readonly #writers = new Set<IndexWriter>();
  readonly #uploaded = new Map<string, UploadedFile>();
  readonly #pending = new Set<Promise<unknown>>();
  #manifest: Uint8Array | undefined;
  #state: 'active' | 'finishing' | 'finished' | 'ended' = 'active';

  private constructor(
    store: StoreContext,
    ns: Namespace,
    snapshot: BackupSnapshot,
    options: BackupOptions,
    base: BaseSnapshot | undefined,
    locks: HeldLocks,
  ) {
    this.#store = store;
    this.ns = ns;
    this.snapshot = snapshot;
    this.base = base;
    this.#benchmark = options.benchmark ?? false;
    this.#locks = locks;
    this.#directory = snapshotDirectory(store, ns, snapshot);
  }

  /** Makes the checks 11 to 17 of backup-protocol.md 2.2 and the snapshot's directory; holds all locks afterwards. */
  static async begin(
    store: StoreContext,
    ns: Namespace,
    snapshot: BackupSnapshot,
    options: BackupOptions,
  ): Promise<BackupTransaction> {
    if (!(await namespaceExists(store, ns))) throw new GranaryError('not-found', 'namespace not found');
    const locks = new HeldLocks();
    try {
      locks.group = await store.locks.group(ns, snapshot);
      const { owner, claimed } = await claimGroup(store, ns, snapshot, options.owner);
      locks.newGroup = claimed;
      if (!options.benchmark && !ownerMatches(owner, options.owner)) {
        throw new GranaryError('owner-mismatch', `backup owner check failed (${options.owner} != ${owner})`);
      }
      const base = await lockBase(store, ns, snapshot, locks);
      locks.snapshot = await store.locks.snapshot(ns, snapshot);
      locks.writer = store.writers.enter(epochSeconds(store.clock));
      makeSnapshotDirectory(store, ns, snapshot);
      return new BackupTransaction(store, ns, snapshot, options, base, locks);
    } catch (error) {
      // Only a group that was made here: one without snapshots may be somebody's.
      if (locks.newGroup) await removeGroupDirectory(store, ns, snapshot, locks.group).catch(() => {});
      locks.release();
      throw asGranaryError('unable to start backup', error);
    }
  }

  get state(): 'active' | 'finishing' | 'finished' | 'ended' {
    return this.#state;
  }

  #requireActive(): void {
    if (this.#state === 'active') return;
    throw new GranaryError(
      'bad-request',
      this.#state === 'finishing'
        ? 'backup is already in the process of finishing.'
        : 'backup already marked as finished.',
    );
  }

  #requireBase(): BaseSnapshot {
    if (!this.base) throw new GranaryError('bad-request', 'no valid previous backup');
    return this.base;
  }

  /**
   * An index of the base snapshot, all of whose chunks are there and safe from garbage collection now. One with a
   * missing chunk is refused: a client that knew it would not upload the chunk again.
   */
  async openPreviousIndex(name: string): Promise<ChunkIndex> {
    const path = snapshotFilePath(this.#store, this.ns, this.#requireBase().snapshot, name);
    const index = await openIndexFile(path);
    await this.#touchAll(index, `Unable to open ${index.kind} index "${path}"`);
    return index;
  }

  async #touchAll(index: ChunkIndex, context: string): Promise<void> {
    const missing: Uint8Array[] = [];
    for (let at = 0; at < index.count; at += touchWindow) {
      const length = Math.min(touchWindow, index.count - at);
      const digests = Array.from({ length }, (_, i) => index.digestAt(at + i));
      missing.push(...(await this.#store.chunks.touchMany(digests)));
    }
    if (missing.length === 0) return;
    const text = `${missing.length} chunks are missing, the first is ${toHex(missing[0]!)}`;
    throw new GranaryError('chunk-missing', `${context} - ${text}`);
  }

  /** A stored file of the base snapshot as it is. */
  async readPrevious(name: string): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    const { snapshot } = this.#requireBase();
    if (!archiveKind(name)) throw new GranaryError('bad-request', `unknown archive type: "${name}"`);
    return readStoredFile(snapshotFilePath(this.#store, this.ns, snapshot, name));
  }

  /** Stores a blob after a check of its structure and CRC, in place of one of that name. */
  async writeBlob(name: string, raw: Uint8Array): Promise<{ path: string; compressed: number }> {
    this.#requireActive();
    if (!name.endsWith('.blob')) throw new GranaryError('bad-request', `wrong blob file extension: '${name}'`);
    const path = snapshotFilePath(this.#store, this.ns, this.snapshot, name);
    checkBlob(raw, '');
    if (name === manifestName) this.#manifest = Uint8Array.from(raw);
    else {
      await this.#track(storeFile(this.#store, path, raw, this.#fsyncFiles), path);
      this.#uploaded.set(name, { size: raw.byteLength, csum: createHash('sha256').update(raw).digest('hex') });
    }
    return { path, compressed: raw.byteLength };
  }

  get #fsyncFiles(): boolean {
    return this.#store.syncLevel === 'file';
  }

  /** Keeps rollback waiting for a write that is under way. */
  async #track<T>(write: Promise<T>, path: string): Promise<T> {
    this.#pending.add(write);
    try {
      return await write;
    } catch (error) {
      throw asGranaryError(`writing "${path}" failed`, error);
    } finally {
      this.#pending.delete(write);
    }
  }

  async openDynamicIndex(name: string): Promise<IndexWriter> {
    this.#requireActive();
    return this.#register(name, 'dynamic', (options) => new DynamicIndexWriter(options));
  }

  /** Without `size` the index grows; with `reuseChecksum` it starts from the base's, which must have that checksum. */
  async openFixedIndex(
    name: string,
    options: { size?: number; reuseChecksum?: Uint8Array } = {},
  ): Promise<IndexWriter> {
    this.#requireActive();
    const { size, reuseChecksum } = options;
    const reuse = reuseChecksum && (await this.#reusableIndex(name, size, reuseChecksum));
    this.#requireActive();
    return this.#register(name, 'fixed', (common) => new FixedIndexWriter({ ...common, size, reuse }));
  }

  #register(name: string, kind: 'fixed' | 'dynamic', open: (options: IndexWriterOptions) => IndexWriter): IndexWriter {
    if (archiveKind(name) !== kind || !isSafeId(name)) {
      throw new GranaryError('bad-request', `wrong archive extension: '${name}'`);
    }
    const writer: IndexWriter = open({
      file: `${this.#directory}/${name}`,
      path: `${snapshotPath(this.ns, this.snapshot)}/${name}`,
      name,
      ctime: epochSeconds(this.#store.clock),
      durable: this.#fsyncFiles,
      mirror: this.#store.mirror,
      onEnd: (closed) => {
        this.#writers.delete(writer);
        if (closed) this.#uploaded.set(name, { size: closed.size, csum: toHex(closed.checksum) });
      },
    });
    this.#writers.add(writer);
    return writer;
  }

  async #reusableIndex(name: string, size: number | undefined, checksum: Uint8Array): Promise<ChunkIndex> {
    const refuse = (text: string) => new GranaryError('bad-request', text);
    if (size === undefined) throw refuse('size is required for incremental backups');
    if (!this.base) throw refuse('cannot reuse index - no valid previous backup exists');
    const path = snapshotFilePath(this.#store, this.ns, this.base.snapshot, name);
    if (!fs.existsSync(path)) throw refuse('cannot reuse index - no previous backup exists for archive');
    const index = await openIndexFile(path);
    const expected = toHex(checksum);
    const actual = toHex(index.checksum());
    if (actual !== expected) {
      throw refuse(`expected csum (${expected}) doesn't match last backup's (${actual}), cannot do incremental backup`);
    }
    const count = Math.ceil(size / fixedChunkSize);
    if (count !== index.count) throw refuse(`cannot reuse index - index sizes not equal (${index.count} != ${count})`);
    if (index.endOf(0) !== Math.min(index.size, fixedChunkSize)) {
      throw refuse('cannot reuse index - its chunks have another size');
    }
    await this.#touchAll(index, 'cannot reuse index');
    return index;
  }

  /**
   * Finishes the snapshot (backup-protocol.md 5.7): afterwards it is there, whole and as durable as the datastore is
   * set to be, and all locks are free. When it throws, the transaction is still active and may be committed again.
   */
  async commit(stats: UploadStats): Promise<void> {
    this.#requireActive();
    if (this.#writers.size > 0) {
      throw new GranaryError('bad-request', 'found open index writer - unable to finish backup');
    }
    if (this.#uploaded.size === 0 && !this.#manifest) {
      throw new GranaryError('bad-request', 'backup does not contain valid files (file count == 0)');
    }
    this.#state = 'finishing';
    try {
      await this.#checkBaseStillThere();
      const manifest = this.#acceptManifest();
      const { count, size, compressedSize, duplicates } = stats;
      const unprotected = {
        ...manifest.unprotected,
        chunk_upload_stats: { count, size, compressed_size: compressedSize, duplicates },
      };
      await makeDurable(this.#store, this.#directory);
      failpoint('commit:before-manifest');
      using _lock = await this.#store.locks.manifest(this.ns, this.snapshot);
      await writeManifest(this.#store, this.ns, this.snapshot, { ...manifest, unprotected });
      failpoint('commit:after-manifest');
    } catch (error) {
      this.#state = 'active';
      throw asGranaryError('unable to finish backup', error);
    }
    this.#state = 'finished';
    if (!this.#benchmark) this.#locks.release();
  }

  async #checkBaseStillThere(): Promise<void> {
    if (!this.base || (await snapshotExists(this.#store, this.ns, this.base.snapshot))) return;
    const name = formatSnapshot(this.base.snapshot);
    throw new GranaryError(
      'bad-request',
      `base snapshot ${name} was removed during backup, cannot finish as chunks might be missing`,
    );
  }

  /** The uploaded manifest, if each file that it lists was uploaded in this session and is what it says. */
  #acceptManifest(): Manifest {
    const path = `${this.#directory}/${manifestName}`;
    const context = 'unable to update manifest blob';
    if (!this.#manifest) {
      const text = `${context} - unable to load blob '"${path}"' - No such file or directory (os error 2)`;
      throw new GranaryError('bad-request', text);
    }
    let manifest: Manifest;
    try {
      manifest = decodeManifestBlob(this.#manifest, 'manifest');
    } catch (error) {
      const text = `${context} - unable to parse backup manifest json - ${messageOf(error)}`;
      throw new GranaryError('manifest-invalid', text, { cause: error });
    }
    for (const { filename, size, csum } of manifest.files) {
      const uploaded = this.#uploaded.get(filename);
      const refuse = (text: string) => new GranaryError('manifest-invalid', `${context} - file '${filename}' ${text}`);
      if (!uploaded) throw refuse('is listed, but was not uploaded in this session');
      if (uploaded.size !== size) throw refuse(`has size ${uploaded.size}, the manifest says ${size}`);
      if (uploaded.csum !== csum) throw refuse(`has checksum ${uploaded.csum}, the manifest says ${csum}`);
    }
    return manifest;
  }

  /** Removes the snapshot unless it was committed, and releases all locks. A second call does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'ended') return;
    const keep = this.#state === 'finished' && !this.#benchmark;
    this.#state = 'ended';
    try {
      if (!keep) await this.#rollback();
    } finally {
      this.#locks.release();
    }
  }

  async #rollback(): Promise<void> {
    const writers = [...this.#writers];
    for (const writer of writers) writer.abort();
    await Promise.allSettled([...this.#pending, ...writers.map((writer) => writer.settled())]);
    failpoint('rollback:before-removal');
    await removeSnapshotDirectory(this.#store, this.ns, this.snapshot);
    this.#locks.snapshot?.remove();
    await removeGroupDirectory(this.#store, this.ns, this.snapshot, this.#locks.group);
  }
}

/** The locks of a transaction, as far as they are taken yet. */
class HeldLocks {
  group: FileLock | undefined;
  /** Whether the group was made, or claimed, by this transaction. */
  newGroup = false;
  base: FileLock | undefined;
  snapshot: FileLock | undefined;
  writer: WriterHandle | undefined;

  release(): void {
    this.base?.release();
    this.writer?.release();
    this.snapshot?.release();
    this.group?.release();
  }
}

/** Finds the base snapshot and takes its shared lock; checks that the new snapshot is younger. */
async function lockBase(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
  locks: HeldLocks,
): Promise<BaseSnapshot | undefined> {
  const newest = await newestFinished(store, ns, snapshot);
  if (!newest) return undefined;
  if (snapshot.time <= newest.snapshot.time) {
    throw new GranaryError('bad-request', 'backup timestamp is older than last backup.');
  }
  try {
    locks.base = await store.locks.snapshotShared(ns, newest.snapshot);
  } catch (error) {
    throw withContext(`while locking last snapshot during backup '${formatSnapshot(newest.snapshot)}'`, error);
  }
  // It may have gone between the look and the lock.
  const again = await newestFinished(store, ns, snapshot);
  if (again?.snapshot.time === newest.snapshot.time) return again;
  const text = `while locking last snapshot during backup '${formatSnapshot(newest.snapshot)}': it was removed`;
  throw new GranaryError('locked', text);
}

/** The newest snapshot with a manifest, unless that cannot be read or says that verification failed. */
async function newestFinished(
  store: StoreContext,
  ns: Namespace,
  group: BackupSnapshot,
): Promise<BaseSnapshot | undefined> {
  for (const snapshot of (await groupSnapshots(store, ns, group)).reverse()) {
    try {
      const stored = await loadManifest(store, ns, snapshot);
      if (!stored) continue;
      const { manifest } = stored;
      return parseVerifyState(manifest.unprotected['verify_state'])?.state === 'failed'
        ? undefined
        : { snapshot, manifest };
    } catch (error) {
      if (error instanceof GranaryError && error.code !== 'io') return undefined;
      throw error;
    }
  }
  return undefined;
}

function makeSnapshotDirectory(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): void {
  let made: boolean;
  try {
    made = makeDirectorySync(snapshotDirectory(store, ns, snapshot));
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    made = false;
  }
  if (!made) throw new GranaryError('bad-request', 'backup directory already exists.');
  failpoint('begin:after-snapshot-directory');
}
