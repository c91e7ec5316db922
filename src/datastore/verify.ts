// Verification: reads what manifests list and compares it with what they and the indexes say, sets corrupt chunks
// aside, and writes the result into the manifests (formats.md 17, config-and-tasks.md 12).

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { type Clock, epochSeconds, systemClock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import { decodeBlob } from '../format/blob.ts';
import type { Manifest, ManifestFile } from '../format/manifest.ts';
import type { AuthId } from '../model/auth-id.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  groupPath,
  type Namespace,
  snapshotPath,
} from '../model/backup.ts';
import { archiveKind, maxBlobSize } from '../model/names.ts';
import { progressText } from '../model/progress-text.ts';
import { parseUpid } from '../model/upid.ts';
import type { FileLock } from '../os/file-lock.ts';
import type { Datastore } from './datastore.ts';
import { parseVerifyState } from './snapshots.ts';
import { ChunkVerifier } from './verify-chunks.ts';

export interface VerifyOptions {
  /** The task's identifier, written into each manifest. */
  upid: string;
  log: (line: string) => void;
  /** Skips snapshots that were found ok. */
  ignoreVerified?: boolean;
  /** Days after which such a result does not count any more; for ever by default. */
  outdatedAfter?: number;
  /** Chunks that are looked at at the same time. Default 4. */
  threads?: number;
  clock?: Clock;
  signal?: AbortSignal;
}

const defaultThreads = 4;

/** One run of verification: each chunk is looked at once, whatever names it how often. */
export class Verification {
  readonly #store: Datastore;
  readonly #options: VerifyOptions;
  readonly #log: (line: string) => void;
  readonly #chunks: ChunkVerifier;

  constructor(store: Datastore, options: VerifyOptions) {
    this.#store = store;
    this.#options = options;
    this.#log = options.log;
    this.#chunks = new ChunkVerifier(store.chunks, { ...options, threads: options.threads ?? defaultThreads });
  }

  /**
   * Verifies one snapshot and writes the result into its manifest; true unless something is wrong with it. One that
   * is in use exclusively (being written or removed), or was verified recently enough, is skipped and counts as true.
   */
  async verifySnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<boolean> {
    throwIfAborted(this.#options.signal);
    const name = `${this.#store.name}:${snapshotPath(ns, snapshot)}`;
    let lock: FileLock;
    try {
      lock = await this.#store.lockSnapshotShared(ns, snapshot);
    } catch (error) {
      if (!(error instanceof GranaryError)) throw error;
      this.#log(`SKIPPED: verify ${name} - could not acquire snapshot lock: ${messageOf(error)}`);
      return true;
    }
    try {
      return await this.#verifyLocked(ns, snapshot, name);
    } finally {
      lock.release();
    }
  }

  async #verifyLocked(ns: Namespace, snapshot: BackupSnapshot, name: string): Promise<boolean> {
    let manifest: Manifest;
    try {
      manifest = await this.#store.readManifest(ns, snapshot);
    } catch (error) {
      this.#log(`verify ${name}`);
      this.#log(`verify ${name} - manifest load error: ${messageOf(error)}`);
      return false;
    }
    if (this.#isRecent(manifest)) {
      this.#log(`SKIPPED: verify ${name} (recently verified)`);
      return true;
    }
    this.#log(`verify ${name}`);
    let ok = true;
    for (const file of manifest.files) {
      throwIfAborted(this.#options.signal);
      this.#log(`  check ${file.filename}`);
      try {
        ok = (await this.#verifyFile(ns, snapshot, file)) && ok;
      } catch (error) {
        if (error instanceof GranaryError && error.code === 'aborted') throw error;
        this.#log(`verify ${name}/${file.filename} failed: ${messageOf(error)}`);
        ok = false;
      }
    }
    try {
      await this.#store.updateManifest(ns, snapshot, (unprotected) => {
        unprotected['verify_state'] = { state: ok ? 'ok' : 'failed', upid: this.#options.upid };
      });
    } catch (error) {
      this.#log(`verify ${name} - unable to write the result: ${messageOf(error)}`);
      return false;
    }
    return ok;
  }

  #isRecent(manifest: Manifest): boolean {
    const { ignoreVerified, outdatedAfter, clock = systemClock } = this.#options;
    if (!ignoreVerified) return false;
    const last = parseVerifyState(manifest.unprotected['verify_state']);
    if (last?.state !== 'ok') return false;
    if (outdatedAfter === undefined) return true;
    const upid = parseUpid(last.upid);
    return upid !== undefined && Math.floor((epochSeconds(clock) - upid.startTime) / 86400) <= outdatedAfter;
  }

  async #verifyFile(ns: Namespace, snapshot: BackupSnapshot, file: ManifestFile): Promise<boolean> {
    if (archiveKind(file.filename) === 'blob') {
      await this.#verifyBlob(ns, snapshot, file);
      return true;
    }
    const index = await this.#store.openIndex(ns, snapshot, file.filename);
    if (index.size !== file.size) {
      throw new GranaryError('index-invalid', `wrong size (${file.size} != ${index.size})`);
    }
    if (Buffer.from(index.checksum()).toString('hex') !== file.csum) {
      throw new GranaryError('index-invalid', 'wrong index checksum');
    }
    return this.#chunks.verify(index, file['crypt-mode'] === 'encrypt');
  }

  async #verifyBlob(ns: Namespace, snapshot: BackupSnapshot, file: ManifestFile): Promise<void> {
    const path = this.#store.filePath(ns, snapshot, file.filename);
    const { size } = await fs.promises.stat(path);
    if (size !== file.size || size > maxBlobSize) {
      throw new GranaryError('blob-invalid', `wrong size (${file.size} != ${size})`);
    }
    const raw = await fs.promises.readFile(path);
    if (createHash('sha256').update(raw).digest('hex') !== file.csum) {
      throw new GranaryError('blob-invalid', 'wrong index checksum');
    }
    try {
      decodeBlob(raw, { what: '' });
    } catch (error) {
      // An encrypted one has passed structure and CRC; that is all that can be checked without its key.
      if (!(error instanceof GranaryError) || error.code !== 'wrong-key') throw error;
    }
  }

  /** Verifies the snapshots of a group, newest first; the names of those with something wrong. */
  async verifyGroup(ns: Namespace, group: BackupGroup): Promise<string[]> {
    return this.#verifyGroup(ns, group, 0, 1);
  }

  async #verifyGroup(ns: Namespace, group: BackupGroup, doneGroups: number, groups: number): Promise<string[]> {
    const snapshots = (await this.#store.listGroupSnapshots(ns, group)).reverse();
    this.#log(`verify group ${this.#store.name}:${groupPath(ns, group)} (${snapshots.length} snapshots)`);
    const failed: string[] = [];
    for (const [i, { type, id, time }] of snapshots.entries()) {
      const snapshot = { type, id, time };
      if (!(await this.verifySnapshot(ns, snapshot))) failed.push(snapshotPath(ns, snapshot));
      const progress = { doneGroups, groups, doneSnapshots: i + 1, snapshots: snapshots.length };
      this.#log(`percentage done: ${progressText(progress)}`);
    }
    return failed;
  }

  /**
   * Verifies all groups of namespaces but `host/benchmark`; the names of the snapshots with something wrong.
   * `accept` chooses groups; all by default. `owner` is undefined when it cannot be read.
   */
  async verifyDatastore(
    options: {
      ns?: Namespace;
      maxDepth?: number;
      accept?: (ns: Namespace, group: BackupGroup, owner: AuthId | undefined) => boolean;
    } = {},
  ): Promise<string[]> {
    const { ns = [], maxDepth, accept } = options;
    this.#log(`verify datastore ${this.#store.name}`);
    const groups: { ns: Namespace; group: BackupGroup }[] = [];
    for (const inner of await this.#store.listNamespaces(ns, maxDepth)) {
      for (const group of await this.#store.listGroups(inner)) {
        if (formatGroup(group) === 'host/benchmark' || accept?.(inner, group, group.owner) === false) continue;
        groups.push({ ns: inner, group });
      }
    }
    this.#log(`found ${groups.length} groups`);
    const failed: string[] = [];
    for (const [i, { ns: inner, group }] of groups.entries()) {
      failed.push(...(await this.#verifyGroup(inner, group, i, groups.length)));
    }
    return failed;
  }

  /** Ends a run: lists what failed and throws, or returns when nothing did. */
  conclude(failed: readonly string[]): void {
    if (failed.length === 0) return;
    this.#log('Failed to verify the following snapshots/groups:');
    for (const name of failed) this.#log(`\t${name}`);
    throw new GranaryError('incomplete', 'verification failed - please check the log for details', {
      details: { failed },
    });
  }
}
