// The upload engine of a backup: archives go in as bytes, and come out as chunks and indexes on the server.
// Bytes are read into one shared memory, cut there, and handed to workers as offsets; nothing is copied on the way
// to TLS except what compression or encryption made anew.

import { availableParallelism } from 'node:os';
import type { BackupWriter } from '../backup/writer.ts';
import type { Clock } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { SharedArena } from '../base/shared-arena.ts';
import { throwIfAborted } from '../base/streams.ts';
import { WorkerPool } from '../base/worker-pool.ts';
import { chunkParameters, defaultChunkAverage } from '../chunker/buzhash.ts';
import { ScannerProgram, scannerReserved } from '../chunker/simd-scanner.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { fixedChunkSize } from '../model/names.ts';
import type { ArchiveUpload, UploadEnvironment } from './upload/archive-upload.ts';
import { ChunkStage, type UploadProgress } from './upload/chunk-stage.ts';
import { DynamicUpload } from './upload/dynamic-upload.ts';
import { FixedUpload } from './upload/fixed-upload.ts';
import { SegmentPool } from './upload/segments.ts';
import type { UploadWorkerInit } from './upload/upload-worker.ts';

export type { ArchiveResult, ArchiveUpload } from './upload/archive-upload.ts';
export type { UploadProgress } from './upload/chunk-stage.ts';
export type { DynamicUpload, KnownChunk } from './upload/dynamic-upload.ts';
export type { FixedUpload } from './upload/fixed-upload.ts';

const MiB = 1024 * 1024;
/** Four segments of the usual archive and some for its catalog: with everything else, below 300 MiB. */
const defaultMemory = 88 * MiB;

export interface UploadOptions {
  writer: BackupWriter;
  /** Encrypts all chunks and keys their digests. */
  crypt?: CryptConfig;
  /** Default true. */
  compress?: boolean;
  /** zstd level, default 1. */
  level?: number;
  limits?: {
    /** Bytes of content in memory; at least 20 MiB for each archive of the default chunk size. */
    memory?: number;
    /** Threads; 0 works in this one. Default: as many as cores, at least 2, at most 4. */
    workers?: number;
  };
  clock?: Clock;
  /** Fails all archives with `aborted`. */
  signal?: AbortSignal;
}

export interface DynamicOptions {
  /** Average chunk size, default 4 MiB. */
  average?: number;
  /** The previous snapshot's index, which was fetched with `writer.previous` in this session. */
  known?: ChunkIndex;
}

export interface FixedOptions {
  /** Bytes of the image; without it the server has to be 4.0 or later. */
  size?: number;
  known?: ChunkIndex;
  /** Starts with the entries of `known`, so that only chunks that differ are named (needs `size`). */
  reuse?: boolean;
}

/** Digests and encodings of the first chunks; a backup that found next to nothing new has no more of them. */
const inlineCalls = 8;

/**
 * All archives of one backup session. Several may be open at once; their memory together is bounded. Disposing gives
 * up what is not finished.
 */
export class UploadEngine implements AsyncDisposable {
  readonly #pool: WorkerPool;
  readonly #program: ScannerProgram;
  readonly #environment: UploadEnvironment;
  readonly #signal: AbortSignal | undefined;
  readonly #open = new Set<ArchiveUpload>();
  readonly #abort = (): void => this.#fail(new GranaryError('aborted', 'aborted', { cause: this.#signal?.reason }));

  private constructor(options: UploadOptions) {
    const { writer, crypt, signal, clock } = options;
    const arena = new SharedArena(options.limits?.memory ?? defaultMemory, scannerReserved);
    const init: UploadWorkerInit = {
      memory: arena.memory,
      buffer: arena.buffer,
      scanners: new SharedArrayBuffer(4),
      encKey: crypt?.encKey,
      compress: options.compress ?? true,
      level: options.level ?? 1,
    };
    this.#pool = new WorkerPool({
      size: options.limits?.workers ?? Math.max(2, Math.min(4, availableParallelism())),
      file: new URL('./upload/upload-worker.ts', import.meta.url),
      name: 'upload',
      init,
      inlineFirst: inlineCalls,
    });
    this.#program = new ScannerProgram(arena.memory);
    const stage = new ChunkStage(writer, this.#pool, arena.buffer);
    this.#environment = { writer, stage, segments: new SegmentPool(arena), clock };
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  static async start(options: UploadOptions): Promise<UploadEngine> {
    throwIfAborted(options.signal);
    return new UploadEngine(options);
  }

  /** Opens `root.pxar.didx` and the like. */
  async openDynamic(storedName: string, options: DynamicOptions = {}): Promise<DynamicUpload> {
    const average = options.average ?? defaultChunkAverage;
    chunkParameters(average);
    this.#learn(options.known);
    const index = await this.#environment.writer.createDynamicIndex(storedName);
    return this.#opened(new DynamicUpload(storedName, index, this.#environment, this.#program, average));
  }

  /** Opens `disk.img.fidx` and the like. */
  async openFixed(storedName: string, options: FixedOptions = {}): Promise<FixedUpload> {
    const { size, known } = options;
    const base = options.reuse ? known : undefined;
    this.#learn(known);
    const index = await this.#environment.writer.createFixedIndex(storedName, { size, reuse: base?.checksum() });
    const o = { program: this.#program, chunkSize: fixedChunkSize, size, base };
    return this.#opened(new FixedUpload(storedName, index, this.#environment, o));
  }

  /** What all archives together have come to so far. */
  progress(): UploadProgress {
    return { ...this.#environment.stage.progress };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#fail(new GranaryError('aborted', 'the upload engine was closed'));
    await this.#pool[Symbol.asyncDispose]();
  }

  #learn(known: ChunkIndex | undefined): void {
    for (let i = 0; known && i < known.count; i++) {
      this.#environment.stage.addKnown(known.digestAt(i), known.endOf(i) - known.startOf(i));
    }
  }

  #opened<U extends ArchiveUpload>(upload: U): U {
    throwIfAborted(this.#signal);
    this.#open.add(upload);
    return upload;
  }

  #fail(error: GranaryError): void {
    for (const upload of this.#open) upload.abort(error);
    this.#open.clear();
  }
}
