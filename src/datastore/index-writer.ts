// The dynamic and fixed index writers of a backup, with every check and text of backup-protocol.md 5.5 and 5.6.
// Which chunks may be named, and writer numbers, are the session's business.

import { createHash, randomUUID } from 'node:crypto';
import { bytesEqual, fromHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { dynamicEntrySize, encodeDynamicEntry, encodeDynamicHeader } from '../format/dynamic-index.ts';
import { encodeFixedHeader } from '../format/fixed-index.ts';
import { digestSize, indexHeaderSize } from '../format/index-header.ts';
import { fixedChunkSize } from '../model/names.ts';
import { IndexFile } from './index-file.ts';
import type { Mirror } from './mirror.ts';

/** What the client says the index is, at its close. */
export interface IndexClaim {
  /** Number of appended chunks. */
  count: number;
  /** Bytes of content; for an incremental fixed index anything. */
  size: number;
  /** 32 bytes, over the whole index. */
  checksum: Uint8Array;
}

export interface ClosedIndex {
  uuid: Uint8Array;
  checksum: Uint8Array;
  /** Bytes of content. */
  size: number;
}

export interface IndexWriter {
  /** Of the index below the datastore, for log lines: `vm/100/TIME/drive-scsi0.img.fidx`. */
  readonly path: string;
  /** Adds a chunk of `length` bytes whose content starts at `offset`. Throws with the protocol's texts. */
  append(offset: number, digest: Uint8Array, length: number): void;
  /**
   * Checks the claim and gives the file its name. Whatever fails, the writer is gone afterwards and the index
   * has to be made anew.
   */
  close(claim: IndexClaim): Promise<ClosedIndex>;
  /** Drops what was written; does nothing after `close`. */
  abort(): void;
  /** Resolves once no `close` is under way. */
  settled(): Promise<void>;
}

export interface IndexWriterOptions {
  /** Absolute path of the finished index. */
  file: string;
  /** For log lines. */
  path: string;
  /** Stored file name, for texts. */
  name: string;
  /** Epoch seconds. */
  ctime: number;
  /** fsync at close. */
  durable: boolean;
  /** Has the index before it gets its name. */
  mirror: Mirror;
  /** Told once, when the writer is closed, has failed to close or is aborted. */
  onEnd: (closed: ClosedIndex | undefined) => void;
}

/** Larger images than a PiB are refused, so that what is kept per chunk stays bounded. */
const largestImage = 2 ** 50;

/** What both kinds have in common: the file, the claim's checksum, the end. */
abstract class BaseWriter implements IndexWriter {
  readonly path: string;
  protected readonly file: IndexFile;
  protected readonly uuid = fromHex(randomUUID().replaceAll('-', ''), 16);
  protected count = 0;
  protected readonly options: IndexWriterOptions;
  readonly #label: string;
  #open = true;
  #closing: Promise<void> = Promise.resolve();

  constructor(kind: 'fixed' | 'dynamic', options: IndexWriterOptions) {
    this.options = options;
    this.path = options.path;
    this.#label = `${kind} writer '${options.name}'`;
    this.file = IndexFile.create(options.file);
  }

  append(offset: number, digest: Uint8Array, length: number): void {
    if (!this.#open) throw this.refusal('append chunk failed - already closed');
    this.add(offset, digest, length);
    this.count++;
  }

  close(claim: IndexClaim): Promise<ClosedIndex> {
    if (!this.#open) return Promise.reject(this.refusal('close failed - already closed'));
    this.#open = false;
    const closing = this.#close(claim);
    this.#closing = closing.then(
      () => {},
      () => {},
    );
    return closing;
  }

  async #close(claim: IndexClaim): Promise<ClosedIndex> {
    let closed: ClosedIndex | undefined;
    try {
      const { checksum, size, length, header } = await this.complete(claim);
      if (!bytesEqual(checksum, claim.checksum)) throw this.refusal('close failed - got unexpected checksum');
      // Last of all: until then the file is no index.
      this.file.write(header, 0);
      await this.file.finish(length, this.options);
      closed = { uuid: this.uuid, checksum, size };
      return closed;
    } finally {
      this.file.discard();
      this.options.onEnd(closed);
    }
  }

  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.file.discard();
    this.options.onEnd(undefined);
  }

  settled(): Promise<void> {
    return this.#closing;
  }

  protected refusal(text: string): GranaryError {
    return new GranaryError('bad-request', `${this.#label} ${text}`);
  }

  protected abstract add(offset: number, digest: Uint8Array, length: number): void;

  /** Checks count and size, writes what is still buffered; gives what the header and the file's end have to be. */
  protected abstract complete(
    claim: IndexClaim,
  ): Promise<{ checksum: Uint8Array; size: number; length: number; header: Uint8Array }>;
}

const bufferedEntries = 1024;

export class DynamicIndexWriter extends BaseWriter {
  readonly #hash = createHash('sha256');
  readonly #buffer = new Uint8Array(bufferedEntries * dynamicEntrySize);
  #buffered = 0;
  #flushed = 0;
  #end = 0;

  constructor(options: IndexWriterOptions) {
    super('dynamic', options);
  }

  protected override add(offset: number, digest: Uint8Array, length: number): void {
    if (offset !== this.#end) {
      throw this.refusal(`append chunk failed - got strange chunk offset (${this.#end} != ${offset})`);
    }
    if (this.#buffered === this.#buffer.byteLength) this.#flush();
    encodeDynamicEntry(this.#buffer, this.#buffered, this.#end + length, digest);
    this.#buffered += dynamicEntrySize;
    this.#end += length;
  }

  #flush(): void {
    const entries = this.#buffer.subarray(0, this.#buffered);
    this.file.write(entries, indexHeaderSize + this.#flushed);
    this.#hash.update(entries);
    this.#flushed += this.#buffered;
    this.#buffered = 0;
  }

  protected override async complete(claim: IndexClaim) {
    if (claim.count !== this.count) {
      throw this.refusal(`close failed - unexpected chunk count (${this.count} != ${claim.count})`);
    }
    if (claim.size !== this.#end) {
      throw this.refusal(`close failed - unexpected file size (${this.#end} != ${claim.size})`);
    }
    this.#flush();
    const checksum = new Uint8Array(this.#hash.digest());
    const header = encodeDynamicHeader({ uuid: this.uuid, ctime: this.options.ctime, checksum });
    return { checksum, size: this.#end, length: indexHeaderSize + this.#flushed, header };
  }
}

export interface FixedIndexOptions extends IndexWriterOptions {
  /** Bytes of the image; absent when it is not known yet: the index then grows until its first short chunk. */
  size?: number;
  /** Starts from the digests of this index, which has as many chunks. */
  reuse?: ChunkIndex;
}

export class FixedIndexWriter extends BaseWriter {
  readonly #given: number | undefined;
  readonly #reuse: ChunkIndex | undefined;
  #size: number;
  /** A bit for each chunk that was written. */
  #written = new Uint8Array(1024);

  constructor(options: FixedIndexOptions) {
    const { size, name } = options;
    if (size !== undefined && (size < 1 || size > largestImage)) {
      throw new GranaryError('bad-request', `fixed writer '${name}' - size ${size} is not 1 to ${largestImage} bytes`);
    }
    super('fixed', options);
    this.#given = size;
    this.#size = size ?? 0;
    this.#reuse = options.reuse;
    try {
      if (options.reuse) this.#copy(options.reuse);
    } catch (error) {
      this.file.discard();
      throw error;
    }
  }

  #copy(index: ChunkIndex): void {
    const piece = new Uint8Array(32 * 1024);
    let filled = 0;
    let at = indexHeaderSize;
    for (let i = 0; i < index.count; i++) {
      piece.set(index.digestAt(i), filled);
      filled += digestSize;
      if (filled < piece.byteLength && i < index.count - 1) continue;
      this.file.write(piece.subarray(0, filled), at);
      at += filled;
      filled = 0;
    }
  }

  protected override add(offset: number, digest: Uint8Array, length: number): void {
    if (offset % fixedChunkSize !== 0) throw new GranaryError('bad-request', `got unaligned chunk (pos = ${offset})`);
    const end = offset + length;
    const size = this.#sizeWith(end);
    if (length > fixedChunkSize || length < 1 || (length !== fixedChunkSize && end !== size)) {
      throw new GranaryError('bad-request', `chunk with unexpected length (${length} != ${fixedChunkSize}`);
    }
    const position = offset / fixedChunkSize;
    this.file.write(digest, indexHeaderSize + position * digestSize);
    this.#size = size;
    this.#mark(position);
  }

  /** The image's size once there is content up to `end`. */
  #sizeWith(end: number): number {
    if (end <= this.#size) return this.#size;
    if (this.#given !== undefined) {
      throw new GranaryError('bad-request', `chunk data exceeds size (${end} >= ${this.#size})`);
    }
    if (this.#size % fixedChunkSize !== 0 || end > largestImage) {
      throw new GranaryError('bad-request', `refusing to resize from ${this.#size} to ${end}`);
    }
    return end;
  }

  #mark(position: number): void {
    const byte = position >>> 3;
    if (byte >= this.#written.byteLength) {
      const bigger = new Uint8Array(Math.max(this.#written.byteLength * 2, byte + 1));
      bigger.set(this.#written);
      this.#written = bigger;
    }
    this.#written[byte]! |= 1 << (position & 7);
  }

  #chunks(): number {
    return Math.ceil(this.#size / fixedChunkSize);
  }

  #countWritten(): number {
    let count = 0;
    for (let byte of this.#written) {
      for (; byte !== 0; byte &= byte - 1) count++;
    }
    return count;
  }

  protected override async complete(claim: IndexClaim) {
    const chunks = this.#chunks();
    if (claim.count !== this.count) {
      throw this.refusal(`close failed - received wrong number of chunk (${this.count} != ${claim.count})`);
    }
    if (this.#reuse) this.#checkLast(this.#reuse, chunks - 1);
    else this.#checkWhole(claim, chunks);
    const hash = createHash('sha256');
    const length = indexHeaderSize + chunks * digestSize;
    await this.file.read(indexHeaderSize, (piece) => hash.update(piece));
    const checksum = new Uint8Array(hash.digest());
    const { uuid } = this;
    const header = encodeFixedHeader({ uuid, ctime: this.options.ctime, checksum, size: this.#size });
    return { checksum, size: this.#size, length, header };
  }

  /** The end of an image that became longer or shorter within its last chunk cannot be the old one. */
  #checkLast(reuse: ChunkIndex, last: number): void {
    const isWritten = (this.#written[last >>> 3] ?? 0) & (1 << (last & 7));
    if (reuse.size === this.#size || isWritten) return;
    throw this.refusal(`close failed - the size has changed (${reuse.size} != ${this.#size}), but not the last chunk`);
  }

  #checkWhole(claim: IndexClaim, chunks: number): void {
    if (claim.count !== chunks || chunks === 0) {
      throw this.refusal(`close failed - unexpected chunk count (${chunks} != ${claim.count})`);
    }
    if (this.#given !== undefined && claim.size !== this.#given) {
      throw this.refusal(`close failed - unexpected file size (${this.#given} != ${claim.size})`);
    }
    if (claim.size !== this.#size)
      throw this.refusal(`close failed - unexpected size (${this.#size} != ${claim.size})`);
    // The right number of appends with one place written twice leaves another without any chunk.
    const written = this.#countWritten();
    if (written !== chunks) throw this.refusal(`close failed - ${chunks - written} chunks were never written`);
  }
}
