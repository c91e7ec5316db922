// What happens to a chunk after it was cut, for all archives of a session: digest, look-up, encoding, upload.
// A chunk that the server knows, or that is on its way already, is not sent again.

import type { BackupWriter, IndexHandle } from '../../backup/writer.ts';
import { toHex } from '../../base/bytes.ts';
import { DigestMap } from '../../base/digest-map.ts';
import { Gate } from '../../base/gate.ts';
import type { WorkerPool } from '../../base/worker-pool.ts';
import type { FoundCuts } from '../../chunker/simd-scanner.ts';
import type { EncodedChunk, ScanTask } from './upload-worker.ts';

/** A piece of the shared memory that does not change until `release`, which may be called more than once. */
export interface RawChunk {
  readonly offset: number;
  readonly length: number;
  release(): void;
}

export interface StoredChunk {
  digest: Uint8Array;
  /** Length of the container that was uploaded; undefined: it was not necessary. */
  storedSize: number | undefined;
}

export interface UploadProgress {
  /** Bytes of content that were dealt with, those of injected chunks included. */
  processed: number;
  /** Of those: uploaded, and found to be on the server already. */
  uploaded: number;
  reused: number;
  /** Bytes of the containers of what was uploaded. */
  encoded: number;
}

interface Prepared {
  digest: Uint8Array;
  /** The same chunk, which is being uploaded for somebody else. */
  other?: Promise<void>;
  /** What is to be uploaded. */
  own?: { encoded: EncodedChunk; settle: PromiseWithResolvers<void> };
}

export class ChunkStage {
  readonly progress: UploadProgress = { processed: 0, uploaded: 0, reused: 0, encoded: 0 };
  readonly #writer: BackupWriter;
  readonly #pool: WorkerPool;
  readonly #buffer: SharedArrayBuffer;
  /** Digests that may be named in an index, with the length of their content. */
  readonly #known = new DigestMap();
  /** Digests that a worker or the wire is busy with. */
  readonly #underWay = new Map<string, Promise<void>>();
  /** Few, so that encoding does not wait for the digests of many later chunks. */
  readonly #gate: Gate;

  constructor(writer: BackupWriter, pool: WorkerPool, buffer: SharedArrayBuffer) {
    this.#writer = writer;
    this.#pool = pool;
    this.#buffer = buffer;
    this.#gate = new Gate(Math.max(1, pool.size * 2));
  }

  /** The server has this chunk, and knows in this session that it has. */
  addKnown(digest: Uint8Array, length: number): void {
    this.#known.set(digest, length);
  }

  /** Counts content that needs no upload. */
  countReused(length: number): void {
    this.progress.processed += length;
    this.progress.reused += length;
  }

  /** Looks for cuts on a thread, before anything else that waits for one; undefined while none runs. */
  findCuts(task: ScanTask): Promise<FoundCuts> | undefined {
    return this.#pool.threads > 0 ? this.#pool.run<FoundCuts>('scan', [task], { isUrgent: true }) : undefined;
  }

  /** Resolves when the chunk may be named in an index. Releases it in every case. */
  async store(index: IndexHandle, chunk: RawChunk): Promise<StoredChunk> {
    try {
      const { digest, other, own } = await this.#gate.run(() => this.#prepare(chunk));
      if (own) return await this.#upload(index, chunk, digest, own);
      chunk.release();
      await other;
      this.countReused(chunk.length);
      return { digest, storedSize: undefined };
    } finally {
      chunk.release();
    }
  }

  async #prepare({ offset, length }: RawChunk): Promise<Prepared> {
    const digest = await this.#pool.run<Uint8Array>('digest', [offset, length]);
    if (this.#known.has(digest)) return { digest };
    const name = toHex(digest);
    const other = this.#underWay.get(name);
    if (other) return { digest, other };
    const settle = Promise.withResolvers<void>();
    // Whoever waits for it hears of a failure; if nobody does, it is reported where it happened.
    settle.promise.catch(() => {});
    this.#underWay.set(name, settle.promise);
    try {
      const encoded = await this.#pool.run<EncodedChunk>('encode', [offset, length]);
      return { digest, own: { encoded, settle } };
    } catch (error) {
      settle.reject(error);
      throw error;
    }
  }

  async #upload(
    index: IndexHandle,
    { offset, length }: RawChunk,
    digest: Uint8Array,
    { encoded, settle }: NonNullable<Prepared['own']>,
  ): Promise<StoredChunk> {
    try {
      const body = [encoded.header, new Uint8Array(this.#buffer, offset, encoded.length)];
      await this.#writer.uploadChunk(index, { digest, size: length, body });
    } catch (error) {
      settle.reject(error);
      throw error;
    }
    this.#known.set(digest, length);
    this.#underWay.delete(toHex(digest));
    settle.resolve();
    const storedSize = encoded.header.byteLength + encoded.length;
    this.progress.processed += length;
    this.progress.uploaded += length;
    this.progress.encoded += storedSize;
    return { digest, storedSize };
  }
}
