// One open datastore: the room's door. Everything it offers is in the files beside this one (formats.md 13 to 19).

import * as fs from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { type Clock, epochSeconds, systemClock } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { type BucketPlace, openChunkStore } from '../chunk-store/backends.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { chunksDirectory } from '../chunk-store/layout.ts';
import type { StoreWorkers } from '../chunk-store/workers.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import type { Manifest } from '../format/manifest.ts';
import type { AuthId } from '../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, formatSnapshot, type Namespace } from '../model/backup.ts';
import { type BackupType, isDatastoreName } from '../model/names.ts';
import type { FileLock } from '../os/file-lock.ts';
import { Accounting } from './accounting.ts';
import { type BackupOptions, BackupTransaction } from './backup-transaction.ts';
import { type Census, SnapshotCensus } from './census.ts';
import { createDatastore } from './create.ts';
import { collectGarbage, type GcOptions } from './garbage-collection.ts';
import { GroupImport } from './group-import.ts';
import * as groups from './groups.ts';
import { ListedSnapshots } from './listed-snapshots.ts';
import { DatastoreLocks } from './locks.ts';
import * as manifests from './manifests.ts';
import { noMirror, ObjectMirror } from './mirror.ts';
import * as moving from './move.ts';
import * as namespaces from './namespaces.ts';
import { prepareRefresh } from './refresh.ts';
import * as removal from './removal.ts';
import * as snapshots from './snapshots.ts';
import { asGranaryError, ifExists, noEntry, type StoreContext, snapshotFilePath } from './store-context.ts';
import { openIndexFile, readStoredFile } from './stored-files.ts';
import * as usage from './usage.ts';
import { StoreWriters, type WriterHandle } from './writers.ts';

/** The tuning options that matter here, named as in the configuration (formats.md 20). */
export interface DatastoreTuning {
  'sync-level'?: 'none' | 'file' | 'filesystem';
  'chunk-order'?: 'inode' | 'none';
}

export interface DatastoreOptions {
  /** Absolute. */
  path: string;
  tuning?: DatastoreTuning;
  /** Whether each new backup is verified once it is finished. */
  verifyNew?: boolean;
  /** For a datastore that is in a bucket; `path` is its local part then. */
  bucket?: BucketPlace | undefined;
}

export interface DatastoreEnvironment {
  /** Where lock files go, for all datastores of the machine; not on the datastore. */
  lockDir: string;
  clock?: Clock;
  /** Seconds since the machine was started, the same in every process; the machine's by default. */
  uptime?: () => number;
  /** Threads and memory for chunks; those of the process by default. */
  workers?: StoreWorkers;
}

export class Datastore {
  readonly name: string;
  /** Absolute, without a slash at the end. */
  readonly path: string;
  readonly verifyNew: boolean;
  readonly chunks: ChunkStore;
  /** For the other files of this room. */
  readonly context: StoreContext;
  readonly #census: SnapshotCensus;
  readonly #bucket: BucketPlace | undefined;

  private constructor(context: StoreContext, verifyNew: boolean, bucket: BucketPlace | undefined) {
    this.context = context;
    this.#bucket = bucket;
    this.#census = new SnapshotCensus(context);
    this.name = context.name;
    this.path = context.base;
    this.chunks = context.chunks;
    this.verifyNew = verifyNew;
  }

  /** Opens a datastore, also one that the original product wrote. Changes nothing. */
  static async open(name: string, options: DatastoreOptions, env: DatastoreEnvironment): Promise<Datastore> {
    if (!isDatastoreName(name)) throw new GranaryError('bad-request', `'${name}' is not a datastore name`);
    if (!isAbsolute(options.path)) {
      throw new GranaryError('bad-request', `path '${options.path}' of datastore '${name}' is not absolute`);
    }
    const base = normalize(options.path).replace(/\/+$/, '');
    const syncLevel = options.tuning?.['sync-level'] ?? 'filesystem';
    const lockDirectory = `${env.lockDir}/${name}`;
    const { bucket } = options;
    const chunks = openChunkStore(bucket ? 's3' : 'directory', {
      base,
      name,
      bucket,
      lockDirectory,
      syncLevel,
      chunkOrder: options.tuning?.['chunk-order'],
      workers: env.workers,
    });
    const clock = env.clock ?? systemClock;
    const threads = env.workers?.check.size === 0 ? 0 : 1;
    const context: StoreContext = {
      name,
      base,
      chunks,
      mirror: bucket ? new ObjectMirror(bucket.objects, bucket.prefix, base) : noMirror,
      locks: new DatastoreLocks(lockDirectory),
      writers: new StoreWriters(base, lockDirectory, env.uptime),
      accounting: new Accounting({ base, lockDirectory, clock, threads }),
      listed: new ListedSnapshots(),
      clock,
      syncLevel,
    };
    return new Datastore(context, options.verifyNew ?? false, bucket);
  }

  /**
   * Throws `io` when the datastore is not where it was, as when its file system was unmounted: it would look like one
   * that has become empty, and whoever follows it would remove every copy.
   */
  async requirePresent(): Promise<void> {
    const directory = chunksDirectory(this.path);
    const present = await ifExists(fs.promises.stat(directory)).catch((error: unknown) => {
      throw asGranaryError(`unable to open chunk store '${this.name}'`, error);
    });
    if (present?.isDirectory()) return;
    throw new GranaryError('io', `unable to open chunk store '${this.name}' at '${directory}'`, {
      details: { hint: 'Is its file system mounted?' },
    });
  }

  /** See `createDatastore`. */
  static create(
    path: string,
    options: { onProgress?: (percent: number) => void; signal?: AbortSignal; isLocalPart?: boolean } = {},
  ): Promise<'created' | 'reused'> {
    return createDatastore(path, options);
  }

  /** `parent` itself and everything down to `maxDepth` levels below it. */
  listNamespaces(parent: Namespace, maxDepth?: number): Promise<Namespace[]> {
    return namespaces.listNamespaces(this.context, parent, maxDepth);
  }

  namespaceExists(ns: Namespace): Promise<boolean> {
    return namespaces.namespaceExists(this.context, ns);
  }

  createNamespace(parent: Namespace, name: string): Promise<Namespace> {
    return namespaces.createNamespace(this.context, parent, name);
  }

  removeNamespace(ns: Namespace, options: { deleteGroups?: boolean } = {}): Promise<removal.NamespaceRemoval> {
    return removal.removeNamespace(this.context, ns, options);
  }

  listGroups(ns: Namespace): Promise<groups.GroupInfo[]> {
    return groups.listGroups(this.context, ns);
  }

  groupExists(ns: Namespace, group: BackupGroup): Promise<boolean> {
    return groups.groupExists(this.context, ns, group);
  }

  listSnapshots(ns: Namespace, filter: { type?: BackupType; id?: string } = {}): Promise<snapshots.SnapshotInfo[]> {
    return snapshots.listSnapshots(this.context, ns, filter);
  }

  /** The snapshots of one group, oldest first. */
  listGroupSnapshots(ns: Namespace, group: BackupGroup): Promise<snapshots.SnapshotInfo[]> {
    return snapshots.listGroupSnapshots(this.context, ns, group);
  }

  /** What retention has to know of the snapshots of a group, oldest first. */
  pruneCandidates(ns: Namespace, group: BackupGroup): ReturnType<typeof snapshots.pruneCandidates> {
    return snapshots.pruneCandidates(this.context, ns, group);
  }

  snapshotExists(ns: Namespace, snapshot: BackupSnapshot): Promise<boolean> {
    return snapshots.snapshotExists(this.context, ns, snapshot);
  }

  snapshotFiles(ns: Namespace, snapshot: BackupSnapshot): Promise<snapshots.SnapshotFile[]> {
    return snapshots.snapshotFiles(this.context, ns, snapshot);
  }

  readOwner(ns: Namespace, group: BackupGroup): Promise<AuthId> {
    return groups.readOwner(this.context, ns, group);
  }

  /** `from`: who has to own it still. */
  changeOwner(ns: Namespace, group: BackupGroup, owner: AuthId, from?: AuthId): Promise<void> {
    return groups.changeOwner(this.context, ns, group, owner, from);
  }

  groupNotes(ns: Namespace, group: BackupGroup): Promise<string> {
    return groups.groupNotes(this.context, ns, group);
  }

  setGroupNotes(ns: Namespace, group: BackupGroup, notes: string): Promise<void> {
    return groups.setGroupNotes(this.context, ns, group, notes);
  }

  snapshotNotes(ns: Namespace, snapshot: BackupSnapshot): Promise<string> {
    return snapshots.snapshotNotes(this.context, ns, snapshot);
  }

  setSnapshotNotes(ns: Namespace, snapshot: BackupSnapshot, notes: string): Promise<void> {
    return snapshots.setSnapshotNotes(this.context, ns, snapshot, notes);
  }

  async isProtected(ns: Namespace, snapshot: BackupSnapshot): Promise<boolean> {
    return snapshots.isProtected(this.context, ns, snapshot);
  }

  setProtected(ns: Namespace, snapshot: BackupSnapshot, value: boolean): Promise<void> {
    return snapshots.setProtected(this.context, ns, snapshot, value);
  }

  /** The manifest of a finished snapshot. */
  async readManifest(ns: Namespace, snapshot: BackupSnapshot): Promise<Manifest> {
    return (await manifests.requireManifest(this.context, ns, snapshot)).manifest;
  }

  /** Lets `change` edit the unprotected part of a manifest, under the manifest lock. */
  async updateManifest(
    ns: Namespace,
    snapshot: BackupSnapshot,
    change: (unprotected: Record<string, unknown>) => void,
  ): Promise<Manifest> {
    const manifest = await manifests.updateManifest(this.context, ns, snapshot, change);
    this.#census.outdate();
    return manifest;
  }

  /** The path of a stored file; refuses what is not a plain name. The file need not exist. */
  filePath(ns: Namespace, snapshot: BackupSnapshot, name: string): string {
    return snapshotFilePath(this.context, ns, snapshot, name);
  }

  /** Opens `NAME.fidx` or `NAME.didx`. */
  async openIndex(ns: Namespace, snapshot: BackupSnapshot, name: string): Promise<ChunkIndex> {
    return openIndexFile(this.filePath(ns, snapshot, name));
  }

  /** A stored file as it is: whole, or its pieces when it is large. `not-found` when there is none. */
  async readFile(
    ns: Namespace,
    snapshot: BackupSnapshot,
    name: string,
  ): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    return readStoredFile(this.filePath(ns, snapshot, name));
  }

  /** Starts a backup; see `BackupTransaction`. */
  beginBackup(ns: Namespace, snapshot: BackupSnapshot, options: BackupOptions): Promise<BackupTransaction> {
    return BackupTransaction.begin(this.context, ns, snapshot, options);
  }

  /** Locks a group to take over snapshots; see `GroupImport`. */
  beginImport(ns: Namespace, group: BackupGroup, owner: AuthId): Promise<GroupImport> {
    return GroupImport.begin(this.context, ns, group, owner);
  }

  /** Keeps chunks that are inserted or touched from now on from garbage collection. Throws `locked`. */
  holdChunks(): WriterHandle {
    return this.context.writers.enter(epochSeconds(this.context.clock));
  }

  /** The groups that have a directory, in the order of `compareGroups`; names only, for long lists. */
  groupNames(ns: Namespace): Promise<BackupGroup[]> {
    return groups.groupNames(this.context, ns);
  }

  /** The same in no order, one by one: of a million not even the names are held. */
  eachGroup(ns: Namespace): AsyncGenerator<BackupGroup> {
    return groups.eachGroup(this.context, ns);
  }

  /** Times of all snapshots of a group, finished or not, ascending. */
  snapshotTimes(ns: Namespace, group: BackupGroup): Promise<number[]> {
    return groups.snapshotTimes(this.context, ns, group);
  }

  /** Keeps a snapshot from being removed. Throws `locked`, or that it does not exist. */
  async lockSnapshotShared(ns: Namespace, snapshot: BackupSnapshot): Promise<FileLock> {
    const missing = () => noEntry(`snapshot '${formatSnapshot(snapshot)}'`);
    if (!(await this.snapshotExists(ns, snapshot))) throw missing();
    const lock = await this.context.locks.snapshotShared(ns, snapshot);
    if (await this.snapshotExists(ns, snapshot)) return lock;
    lock.release();
    throw missing();
  }

  removeSnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<void> {
    return removal.removeSnapshot(this.context, ns, snapshot);
  }

  removeGroup(ns: Namespace, group: BackupGroup): Promise<removal.GroupRemoval> {
    return removal.removeGroup(this.context, ns, group);
  }

  /** See `checkGroupMove`. */
  checkGroupMove(move: moving.GroupMove): Promise<void> {
    return moving.checkGroupMove(this.context, move);
  }

  /** See `moveGroup`. */
  async moveGroup(move: moving.GroupMove, options: moving.MoveOptions): Promise<void> {
    await moving.moveGroup(this.context, move, options);
    this.#census.outdate();
  }

  /** See `checkNamespaceMove`. */
  checkNamespaceMove(move: moving.NamespaceMove): Promise<void> {
    return moving.checkNamespaceMove(this.context, move);
  }

  /** See `moveNamespace`. */
  async moveNamespace(move: moving.NamespaceMove, options: moving.MoveOptions): Promise<void> {
    await moving.moveNamespace(this.context, move, options);
    this.#census.outdate();
  }

  uploadLog(ns: Namespace, snapshot: BackupSnapshot, raw: Uint8Array): Promise<void> {
    return snapshots.uploadLog(this.context, ns, snapshot, raw);
  }

  /** Bytes of the file system. */
  async status(): Promise<usage.StorageStatus> {
    return usage.storageStatus(await fs.promises.statfs(this.path));
  }

  /** Groups and snapshots of each type, in all namespaces. */
  counts(): Promise<usage.Counts> {
    return usage.countAll(this.context);
  }

  /**
   * Snapshots of each group and their verification, for monitoring: at most a minute old, and as of the last
   * `updateManifest` where counting is quick; with `fresh` as of now.
   */
  census(o: { fresh?: boolean } = {}): Promise<Census> {
    return this.#census.current(o);
  }

  /** Who takes up the space. */
  get accounting(): Accounting {
    return this.context.accounting;
  }

  /** Ends what goes on in the background, and idle connections. */
  close(): void {
    this.accounting.close();
    this.#bucket?.objects.close();
  }

  /** See `collectGarbage`. */
  collectGarbage(options: GcOptions): Promise<usage.GcStatus> {
    return collectGarbage(this.context, options);
  }

  /**
   * Fetches the files of a datastore that is in a bucket, and makes markers of its chunks: see `prepareRefresh`. Nobody
   * may use it until the step that this gives is done.
   */
  prepareRefresh(o: { log: (line: string) => void; signal?: AbortSignal }): Promise<() => Promise<void>> {
    if (!this.#bucket) throw new GranaryError('bad-request', `datastore '${this.name}' is not in an object store`);
    const { objects, prefix } = this.#bucket;
    return prepareRefresh({ ...o, objects, prefix, base: this.path, chunks: this.chunks });
  }

  /** What the last garbage collection found; zeros before the first. */
  gcStatus(): Promise<usage.GcStatus> {
    return usage.readGcStatus(this.context);
  }
}
