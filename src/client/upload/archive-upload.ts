// What uploading has in common for both kinds of archives: counting, failing, and closing the index.

import { IndexWriter } from '../../backup/index-writer.ts';
import type { BackupWriter, IndexHandle } from '../../backup/writer.ts';
import { toHex } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import type { ByteSink } from '../../base/io.ts';
import type { ChunkIndex } from '../../format/chunk-index.ts';
import type { ChunkStage, RawChunk } from './chunk-stage.ts';
import type { SegmentPool } from './segments.ts';

/** How an archive came to the server. Sizes are bytes of content unless it is said. */
export interface ArchiveResult {
  size: number;
  /** The index checksum as the manifest states it, hex. */
  csum: string;
  /** Entries of the index, injected ones included. */
  chunkCount: number;
  uploadedChunks: number;
  uploadedBytes: number;
  /** Bytes of the containers that were uploaded. */
  storedBytes: number;
  /** Content that was read and found to be on the server already. */
  reusedBytes: number;
  /** Content of the previous snapshot that was taken over without reading it. */
  injectedBytes: number;
  injectedChunks: number;
  /** From the opening of the archive to the closing of its index. */
  seconds: number;
}

/** What an archive needs of its session. */
export interface UploadEnvironment {
  writer: BackupWriter;
  stage: ChunkStage;
  segments: SegmentPool;
  clock?: Clock;
}

/** An archive on its way to the server. */
export abstract class ArchiveUpload implements ByteSink {
  /** Bytes so far, those of injected chunks included: the archive offset of the next byte. */
  position = 0;
  /** As it is stored: `root.pxar.didx`. */
  readonly name: string;
  protected readonly index: IndexHandle;
  protected readonly environment: UploadEnvironment;
  protected readonly entries: IndexWriter;
  protected readonly counts = { chunks: 0, uploadedChunks: 0, uploaded: 0, stored: 0, reused: 0 };
  readonly #clock: Clock;
  readonly #start: number;
  #failure: { error: unknown } | undefined;
  #over = false;

  constructor(name: string, index: IndexHandle, environment: UploadEnvironment, base?: ChunkIndex) {
    this.name = name;
    this.index = index;
    this.environment = environment;
    this.entries = new IndexWriter(environment.writer, index, base);
    this.#clock = environment.clock ?? systemClock;
    this.#start = this.#clock.now();
  }

  abstract reserve(max: number): Uint8Array | Promise<Uint8Array>;
  /** Throws what made the archive fail since the memory was reserved, which is then no longer its. */
  abstract commit(length: number): void;

  write(bytes: Uint8Array): void | Promise<void> {
    let at = 0;
    while (at < bytes.byteLength) {
      const room = this.reserve(bytes.byteLength - at);
      if (room instanceof Promise) return this.#writeLater(bytes, at, room);
      at += this.#fill(room, bytes, at);
    }
  }

  async #writeLater(bytes: Uint8Array, from: number, first: Promise<Uint8Array>): Promise<void> {
    let at = from + this.#fill(await first, bytes, from);
    while (at < bytes.byteLength) at += this.#fill(await this.reserve(bytes.byteLength - at), bytes, at);
  }

  #fill(room: Uint8Array, bytes: Uint8Array, at: number): number {
    const piece = bytes.subarray(at, at + room.byteLength);
    room.set(piece);
    this.commit(piece.byteLength);
    return piece.byteLength;
  }

  /**
   * Waits until all chunks are stored and named, and closes the index. Rejects with the first error of anything that
   * belongs to the archive: a refusal has the server's own text.
   */
  async finish(): Promise<ArchiveResult> {
    this.check();
    const ended = this.end();
    if (ended) await ended;
    this.check();
    this.#over = true;
    const { counts, environment } = this;
    const totals = await this.entries.finish();
    await environment.writer.closeIndex(this.index, totals);
    const injected = this.injected();
    return {
      size: this.position,
      csum: toHex(totals.csum),
      chunkCount: counts.chunks,
      uploadedChunks: counts.uploadedChunks,
      uploadedBytes: counts.uploaded,
      storedBytes: counts.stored,
      reusedBytes: counts.reused,
      injectedBytes: injected.bytes,
      injectedChunks: injected.chunks,
      seconds: (this.#clock.now() - this.#start) / 1000,
    };
  }

  /** Gives the archive up, also while it finishes. The server drops it with the session. */
  abort(error: unknown = new GranaryError('aborted', `upload of ${this.name} was aborted`)): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.dropMemory();
    this.entries.fail(error);
    this.environment.segments.wake();
  }

  /** Throws what made the archive fail. */
  protected check(): void {
    if (this.#failure) throw this.#failure.error;
    if (this.#over) throw new GranaryError('internal', `${this.name} is finished already`);
  }

  /** Sends a chunk on its way; the next entry of the index is its. */
  protected store(chunk: RawChunk): Promise<Uint8Array> {
    const { counts } = this;
    counts.chunks++;
    const stored = this.environment.stage.store(this.index, chunk).then(({ digest, storedSize }) => {
      if (storedSize === undefined) counts.reused += chunk.length;
      else {
        counts.uploadedChunks++;
        counts.uploaded += chunk.length;
        counts.stored += storedSize;
      }
      return digest;
    });
    stored.catch((error) => this.abort(error));
    this.entries.add(chunk.length, stored);
    return stored;
  }

  /** Sends the rest on its way and gives up all memory. */
  protected abstract end(): void | Promise<void>;
  protected abstract dropMemory(): void;

  protected injected(): { bytes: number; chunks: number } {
    return { bytes: 0, chunks: 0 };
  }
}
