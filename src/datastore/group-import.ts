// Taking over snapshots of another datastore as they are: a pull writes its groups through this (sync.md 4).
//
// A snapshot that is taken over for the first time has no manifest before `commit`, so that it is unfinished whatever
// happens. What `commit` does is what finishing a backup does: everything durable first, the manifest last.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { makeDirectorySync } from '../chunk-store/ownership.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import type { ManifestFile } from '../format/manifest.ts';
import type { AuthId } from '../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, formatSnapshot, type Namespace } from '../model/backup.ts';
import { archiveKind, clientLogName, manifestName, maxBlobSize } from '../model/names.ts';
import { failpoint } from '../os/failpoint.ts';
import type { FileLock } from '../os/file-lock.ts';
import { groupSnapshots, snapshotTimes } from './groups.ts';
import { ImportRecord } from './import-record.ts';
import { removeGroupDirectory, removeSnapshotDirectory } from './removal.ts';
import { claimGroup, makeDurable } from './snapshot-steps.ts';
import {
  asGranaryError,
  ifExists,
  type StoreContext,
  snapshotDirectory,
  snapshotFilePath,
  storeFile,
} from './store-context.ts';
import { openIndexFile } from './stored-files.ts';

/** A group under its exclusive lock. */
export class GroupImport implements AsyncDisposable {
  readonly #store: StoreContext;
  readonly #ns: Namespace;
  readonly #group: BackupGroup;
  readonly #lock: FileLock;
  readonly #isNew: boolean;

  private constructor(store: StoreContext, ns: Namespace, group: BackupGroup, lock: FileLock, isNew: boolean) {
    this.#store = store;
    this.#ns = ns;
    this.#group = group;
    this.#lock = lock;
    this.#isNew = isNew;
  }

  /** A missing group is made, and is `owner`'s. Throws `locked`, or `owner-mismatch` when it is anybody else's. */
  static async begin(store: StoreContext, ns: Namespace, group: BackupGroup, owner: AuthId): Promise<GroupImport> {
    const lock = await store.locks.group(ns, group);
    try {
      const { owner: actual, claimed } = await claimGroup(store, ns, group, owner);
      if (actual !== owner) throw new GranaryError('owner-mismatch', `owner check failed (${owner} != ${actual})`);
      return new GroupImport(store, ns, group, lock, claimed);
    } catch (error) {
      lock.release();
      throw asGranaryError('unable to prepare group', error);
    }
  }

  /** Times of all snapshots, finished or not, ascending. */
  times(): Promise<number[]> {
    return snapshotTimes(this.#store, this.#ns, this.#group);
  }

  /** The newest snapshot with a manifest. */
  async newestFinished(): Promise<BackupSnapshot | undefined> {
    for (const snapshot of (await groupSnapshots(this.#store, this.#ns, this.#group)).reverse()) {
      if (fs.existsSync(`${snapshotDirectory(this.#store, this.#ns, snapshot)}/${manifestName}`)) return snapshot;
    }
    return undefined;
  }

  /** Locks a snapshot, and makes its directory if there is none. */
  snapshot(time: number): Promise<SnapshotImport> {
    return SnapshotImport.begin(this.#store, this.#ns, { ...this.#group, time });
  }

  /** What runs note down for those after them, should they break off. */
  record(): ImportRecord {
    return new ImportRecord(this.#store, this.#ns, this.#group);
  }

  /** Frees the group, and removes it when it was made for this and nothing is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#isNew) await removeGroupDirectory(this.#store, this.#ns, this.#group, this.#lock);
    } finally {
      this.#lock.release();
    }
  }
}

/** A snapshot under its exclusive lock. Disposing of a new one that was not committed removes it. */
export class SnapshotImport implements AsyncDisposable {
  readonly snapshot: BackupSnapshot;
  readonly #store: StoreContext;
  readonly #ns: Namespace;
  readonly #directory: string;
  readonly #lock: FileLock;
  readonly #isNew: boolean;
  #committed = false;

  private constructor(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot, lock: FileLock, isNew: boolean) {
    this.#store = store;
    this.#ns = ns;
    this.snapshot = snapshot;
    this.#directory = snapshotDirectory(store, ns, snapshot);
    this.#lock = lock;
    this.#isNew = isNew;
  }

  static async begin(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): Promise<SnapshotImport> {
    const lock = await store.locks.snapshot(ns, snapshot);
    try {
      const isNew = makeDirectorySync(snapshotDirectory(store, ns, snapshot));
      failpoint('begin:after-snapshot-directory');
      return new SnapshotImport(store, ns, snapshot, lock, isNew);
    } catch (error) {
      lock.release();
      throw asGranaryError(`unable to make snapshot '${formatSnapshot(snapshot)}'`, error);
    }
  }

  /** The stored manifest as it is; undefined when there is none. */
  rawManifest(): Promise<Uint8Array | undefined> {
    return this.#read(manifestName);
  }

  hasFile(name: string): boolean {
    return fs.existsSync(this.#path(name));
  }

  /** Whether a stored file is the one that a manifest describes. */
  async matches({ filename, size, csum }: ManifestFile): Promise<boolean> {
    if (!this.hasFile(filename)) return false;
    if (archiveKind(filename) === 'blob') {
      const raw = await this.#read(filename);
      return raw?.byteLength === size && createHash('sha256').update(raw).digest('hex') === csum;
    }
    try {
      const index = await openIndexFile(this.#path(filename));
      return index.size === size && toHex(index.checksum()) === csum;
    } catch (error) {
      if (error instanceof GranaryError && error.code === 'index-invalid') return false;
      throw error;
    }
  }

  /** A stored index. Throws when there is none, or it is damaged. */
  index(name: string): Promise<ChunkIndex> {
    return openIndexFile(this.#path(name));
  }

  /** Stores a file that has been checked, in place of one of that name. Not for the manifest. */
  async writeFile(name: string, raw: Uint8Array): Promise<void> {
    if (archiveKind(name) === undefined || name === manifestName) {
      throw new GranaryError('bad-request', `'${name}' is no file of a snapshot`);
    }
    const path = this.#path(name);
    try {
      await storeFile(this.#store, path, raw, this.#store.syncLevel === 'file');
    } catch (error) {
      throw asGranaryError(`writing "${path}" failed`, error);
    }
  }

  /**
   * Stores the manifest, as these very bytes: with it the snapshot is finished. `named` are the files that belong to
   * it; others are removed afterwards.
   */
  async commit(manifest: Uint8Array, named: readonly string[]): Promise<void> {
    await makeDurable(this.#store, this.#directory);
    failpoint('commit:before-manifest');
    const path = this.#path(manifestName);
    try {
      using _lock = await this.#store.locks.manifest(this.#ns, this.snapshot);
      await storeFile(this.#store, path, manifest, this.#store.syncLevel !== 'none');
    } catch (error) {
      throw asGranaryError(`unable to write manifest "${path}"`, error);
    }
    this.#committed = true;
    failpoint('commit:after-manifest');
    await this.#removeOthers(named);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isNew || this.#committed) return this.#lock.release();
    try {
      failpoint('rollback:before-removal');
      await removeSnapshotDirectory(this.#store, this.#ns, this.snapshot);
      this.#lock.remove();
    } finally {
      this.#lock.release();
    }
  }

  async #removeOthers(named: readonly string[]): Promise<void> {
    const keep = new Set([...named, manifestName, clientLogName]);
    try {
      const others = fs.readdirSync(this.#directory).filter((name) => !keep.has(name) && !name.startsWith('.'));
      const paths = others.map((name) => `${this.#directory}/${name}`);
      if (paths.length > 0) await this.#store.mirror.remove(...paths);
      for (const path of paths) fs.rmSync(path, { force: true });
    } catch (error) {
      throw asGranaryError(`removing files of "${this.#directory}" failed`, error);
    }
  }

  #path(name: string): string {
    return snapshotFilePath(this.#store, this.#ns, this.snapshot, name);
  }

  async #read(name: string): Promise<Uint8Array | undefined> {
    const path = this.#path(name);
    try {
      const { size } = (await ifExists(fs.promises.stat(path))) ?? { size: 0 };
      if (size > maxBlobSize) throw new GranaryError('blob-invalid', `"${path}" has ${size} bytes, too many`);
      return await ifExists(fs.promises.readFile(path));
    } catch (error) {
      throw asGranaryError(`reading "${path}" failed`, error);
    }
  }
}
