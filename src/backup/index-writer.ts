// Names an archive's chunks in its index on the server: in batches, never before the chunk is there, several at once, and
// with the checksum that closing needs (backup-protocol.md 5.5, 5.6).
//
// A dynamic index takes batches in their order only, and a server may work on requests in any. It refuses a batch that comes
// before its turn, whole and with a text of its own: such a batch is named again when those before it are, and from then
// on the index gets one after the other. A fixed index that grows would not notice, and gets one at a time from the start.

import { createHash, type Hash } from 'node:crypto';
import { bytesEqual, writeU64 } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { type BackupWriter, type IndexEntry, type IndexHandle, maxAppend } from './writer.ts';

/** Batches under way: over a distance each takes as long as the way there and back. */
const batchesAtOnce = 8;
/** What a server says to a batch of a dynamic index whose turn it is not. */
const notItsTurn = /got strange chunk offset/;

interface Entry {
  readonly length: number;
  /** Undefined while the chunk is not on the server. */
  digest: Uint8Array | undefined;
}

export interface IndexTotals {
  chunkCount: number;
  size: number;
  csum: Uint8Array;
}

export class IndexWriter {
  readonly #writer: Pick<BackupWriter, 'append'>;
  readonly #index: IndexHandle;
  /** Fixed: the entries that the index on the server starts with. */
  readonly #base: ChunkIndex | undefined;
  /** Entries in archive order that are not named yet. */
  readonly #entries: Entry[] = [];
  /** Entries that may be named, in order. */
  readonly #ready: IndexEntry[] = [];
  /** Batches under way, and how many may be. */
  #appends = 0;
  #most: number;
  /** Entries of batches that came before their turn. */
  #early: IndexEntry[] = [];
  readonly #hash: Hash = createHash('sha256');
  #position = 0;
  #count = 0;
  #appendedCount = 0;
  #appendedSize = 0;
  #failure: { error: unknown } | undefined;
  #settled: (() => void) | undefined;
  #fewer: (() => void) | undefined;

  constructor(writer: Pick<BackupWriter, 'append'>, index: IndexHandle, base?: ChunkIndex) {
    this.#writer = writer;
    this.#index = index;
    this.#base = base;
    this.#most = index.anyOrder || index.kind === 'dynamic' ? batchesAtOnce : 1;
  }

  /** The next chunk of the archive; `stored` tells when it may be named. The order of calls is the archive's. */
  add(length: number, stored: Promise<Uint8Array>): void {
    const entry: Entry = { length, digest: undefined };
    this.#entries.push(entry);
    stored.then(
      (digest) => {
        entry.digest = digest;
        this.#advance();
      },
      (error) => this.fail(error),
    );
  }

  /** Like `add`, for a chunk that may be named at once. */
  addKnown(length: number, digest: Uint8Array): void {
    this.#entries.push({ length, digest });
    this.#advance();
  }

  /** `finish` rejects with the first of these errors. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#settled?.();
    this.#fewer?.();
  }

  /** Whether `finish` will reject, so that there is no use in adding more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Entries that were added and are not named yet. */
  get waiting(): number {
    return this.#entries.length + this.#early.length + this.#ready.length;
  }

  /** Resolves when fewer entries wait than now, or something failed. */
  async fewer(): Promise<void> {
    const before = this.waiting;
    while (!this.#failure && this.waiting >= before) {
      await new Promise<void>((resolve) => {
        this.#fewer = resolve;
      });
    }
  }

  /** Resolves when every chunk is named. What closing the index needs: of a reused index, only what was appended. */
  async finish(): Promise<IndexTotals> {
    while (!this.#failure && (this.#entries.length > 0 || this.#ready.length > 0 || this.#appends > 0)) {
      if (this.#entries.length === 0) this.#send(1);
      await new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
    }
    if (this.#failure) throw this.#failure.error;
    const csum = new Uint8Array(this.#hash.digest());
    return { chunkCount: this.#appendedCount, size: this.#appendedSize, csum };
  }

  #advance(): void {
    for (let entry = this.#entries[0]; entry?.digest; entry = this.#entries[0]) {
      this.#entries.shift();
      this.#take(entry.length, entry.digest);
    }
    this.#send(maxAppend);
    if (this.#entries.length === 0) this.#settled?.();
  }

  #take(length: number, digest: Uint8Array): void {
    const offset = this.#position;
    this.#position += length;
    if (this.#index.kind === 'dynamic') {
      const end = new Uint8Array(8);
      writeU64(end, 0, this.#position);
      this.#hash.update(end);
    }
    this.#hash.update(digest);
    const at = this.#count++;
    if (this.#base && at < this.#base.count && bytesEqual(this.#base.digestAt(at), digest)) return;
    this.#appendedCount++;
    this.#appendedSize += length;
    this.#ready.push({ offset, digest });
  }

  /** Names the next batches if there are `least` entries. */
  #send(least: number): void {
    while (this.#appends < this.#most && !this.#failure && this.#ready.length >= least) {
      const batch = this.#ready.splice(0, maxAppend);
      const isAlone = this.#appends++ === 0;
      this.#fewer?.();
      this.#writer
        .append(this.#index, batch)
        .catch((error: unknown) => {
          if (isAlone || this.#index.kind !== 'dynamic' || !notItsTurn.test(messageOf(error))) return this.fail(error);
          this.#early.push(...batch);
          this.#most = 1;
        })
        .then(() => {
          this.#appends--;
          if (this.#appends === 0 && this.#early.length > 0) this.#takeBack();
          this.#send(maxAppend);
          this.#settled?.();
        });
    }
  }

  /** What came before its turn is the next to be named. */
  #takeBack(): void {
    this.#ready.unshift(...this.#early.sort((a, b) => a.offset - b.offset));
    this.#early = [];
  }
}
