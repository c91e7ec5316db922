// What the last snapshot of the group gives a new backup: known chunks, and unchanged files in metadata mode
// (backup-protocol.md 10.1, pxar.md 13). Nothing here is needed for a backup: every trouble only costs reuse.

import type { BackupWriter } from '../backup/writer.ts';
import { toHex } from '../base/bytes.ts';
import { formatCtime } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { shortFingerprint } from '../crypto/crypt-config.ts';
import { type ChunkIndex, parseIndex } from '../format/chunk-index.ts';
import {
  decodeManifestBlob,
  findFile,
  type Manifest,
  manifestKeyFingerprint,
  verifyManifest,
} from '../format/manifest.ts';
import { manifestName, maxChunkSize } from '../model/names.ts';
import { PxarAccessor } from '../pxar/accessor.ts';
import type { BackupJobOptions } from './backup-job.ts';

/** The previous metadata is read once, from front to back, beside the walk: threads would only wait. */
const previousLimits = { memory: maxChunkSize + 4 * 1024 * 1024, workers: 0 };

export class PreviousSnapshot implements AsyncDisposable {
  readonly #o: BackupJobOptions;
  readonly #writer: BackupWriter;
  readonly #manifest: Manifest;
  readonly #opened: AsyncDisposable[] = [];

  private constructor(o: BackupJobOptions, writer: BackupWriter, manifest: Manifest) {
    this.#o = o;
    this.#writer = writer;
    this.#manifest = manifest;
  }

  /** The last snapshot, undefined when there is none that this backup can build on; says which. */
  static async load(o: BackupJobOptions, writer: BackupWriter): Promise<PreviousSnapshot | undefined> {
    const time = await writer.previousBackupTime();
    if (time === undefined) {
      o.reporter.message('No previous manifest available.');
      return undefined;
    }
    o.reporter.message(`Downloading previous manifest (${formatCtime(time)})`);
    try {
      const manifest = decodeManifestBlob(await writer.previous(manifestName), manifestName);
      const key = o.keys.key?.crypt;
      const made = manifestKeyFingerprint(manifest);
      if (key && made !== undefined && made !== key.fingerprint) {
        o.reporter.message(
          `Cannot reuse the previous snapshot: its key ${shortFingerprint(made)} is not the one of this backup`,
        );
        return undefined;
      }
      if (key) verifyManifest(manifest, key);
      return new PreviousSnapshot(o, writer, manifest);
    } catch (error) {
      if (!(error instanceof GranaryError) || error.code === 'aborted' || error.code === 'connection') throw error;
      o.reporter.message(`Cannot use the previous manifest: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** The index of an archive of the same name and crypt mode; undefined when there is none that is sound. */
  async index(stored: string): Promise<ChunkIndex | undefined> {
    const file = findFile(this.#manifest, stored);
    if (!file || file['crypt-mode'] !== this.#o.keys.mode) return undefined;
    try {
      const index = parseIndex(stored, await this.#writer.previous(stored), `previous ${stored}`);
      return toHex(index.checksum()) === file.csum ? index : undefined;
    } catch (error) {
      if (!(error instanceof GranaryError) || error.code === 'aborted' || error.code === 'connection') throw error;
      this.#o.reporter.message(`Cannot use the previous ${stored}: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** The metadata of the last snapshot's split archive, read through a session of its own; undefined when it cannot be read. */
  async archive(metaStored: string): Promise<PxarAccessor | undefined> {
    const file = findFile(this.#manifest, metaStored);
    if (!file || file['crypt-mode'] !== this.#o.keys.mode) return undefined;
    const { connection, repository, ns, keys, reporter } = this.#o;
    const { type, id, time } = this.#manifest;
    try {
      const { ReaderClient } = await import('../reader/session-client.ts');
      const session = await connection.openSession('reader', {
        store: repository.store,
        ns: ns === '' ? undefined : ns,
        'backup-type': type,
        'backup-id': id,
        'backup-time': time,
      });
      this.#opened.push(session);
      // A signed snapshot needs it too, though nothing in it is encrypted.
      const crypt = keys.key?.crypt;
      const reader = new ReaderClient(session, { ...(crypt ? { crypt } : {}), limits: previousLimits });
      this.#opened.push(reader);
      const archive = await reader.open(metaStored);
      return await PxarAccessor.open({ archive }, { archiveName: `previous ${metaStored}` });
    } catch (error) {
      if (!(error instanceof GranaryError) || error.code === 'aborted') throw error;
      reporter.message(`Cannot read the previous ${metaStored}, so that all files are read: ${messageOf(error)}`);
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.reverse()) await opened[Symbol.asyncDispose]();
  }
}
