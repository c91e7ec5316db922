// What every chunk storage promises. A backend is a folder beside this file and a line in backends.ts;
// testing/chunk-store-suite.ts judges each of them by exactly these words (formats.md 14, backup-protocol.md 5.3).

/**
 * Room for one encoded chunk in memory that the ingest workers share: filled by the transport, then given
 * to `receive`. The room belongs to a pool of bounded size, so whoever acquires a slot releases it.
 */
export interface Slot {
  /** Exactly the room that was asked for. Starts at a page boundary; the room up to the next one is the slot's too. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Gives the room back; a second call does nothing. Never while `receive` of this slot is under way. */
  release(): void;
  [Symbol.dispose](): void;
}

export type ChunkKind = 'plain' | 'encrypted';

export interface ReceiveOptions {
  /**
   * It is what another store has for a chunk of that kind: it must be of that kind, and its CRC right, for nothing else
   * tells whether an encrypted one is still what it was.
   */
  copyOf?: ChunkKind | undefined;
  /** No copy of it goes to a cache. */
  noCache?: boolean | undefined;
}

export interface InsertResult {
  /** True when the store had the chunk and kept its own copy. */
  duplicate: boolean;
  /** Encoded length of the copy that the store now has. */
  storedSize: number;
}

/** One chunk that `check` has to look at, as an index describes it. */
export interface ChunkExpectation {
  digest: Uint8Array;
  /** Length of the content. */
  size: number;
  /** Whether the chunk has to be an encrypted one. */
  encrypted: boolean;
}

/**
 * `ok`; `missing`: no such chunk; `mismatch`: the chunk may be sound, but is not of the kind (plain, encrypted) or
 * length that is expected; `corrupt`: its content is wrong or the medium cannot read it;
 * `unreadable`: the system refused for another reason, nothing is known about the content.
 */
export type ChunkVerdict = 'ok' | 'missing' | 'mismatch' | 'corrupt' | 'unreadable';

export interface ChunkCheck {
  verdict: ChunkVerdict;
  /** Bytes read; 0 when nothing could be. */
  storedSize: number;
  /** What is wrong, without the digest; absent when ok. */
  error?: string;
  /** Identifies the copy that was looked at, for `quarantine`. */
  copy?: string;
}

export interface MarkOptions {
  signal?: AbortSignal;
  /** Told of progress: the share that is done, 0 to 1. */
  onProgress?: (share: number) => void;
}

/** What a sweep goes by, epoch seconds. */
export interface SweepOptions {
  /** Chunks that were last used before this are removed. */
  minAtime: number;
  /** Those last used from there on, but before this, are counted as pending. */
  oldestWriter: number;
  signal?: AbortSignal;
  /** Told of progress: the share that is done, 0 to 1, and how many chunks were looked at. */
  onProgress?: (share: number, chunks: number) => void;
  /** Told of all chunks that stay, but for bad copies: nine 32-bit words each, the digest and the bytes on disk. */
  onKept?: (records: Uint32Array) => void;
}

/** What a sweep has found, named as in the status of a garbage collection. Bad copies count in the bytes only. */
export interface SweepCounts {
  'disk-bytes': number;
  'disk-chunks': number;
  'removed-bytes': number;
  'removed-chunks': number;
  'pending-bytes': number;
  'pending-chunks': number;
  'removed-bad': number;
  'still-bad': number;
}

/** One copy of a chunk, which stays readable whatever becomes of its digest. */
export interface OpenChunk extends AsyncDisposable {
  readonly size: number;
  /** Fills `target` with what is stored from `position` on; throws `io` when there is less. */
  read(target: Uint8Array, position: number): Promise<void>;
}

export interface StoredChunk {
  digest: Uint8Array;
  storedSize: number;
}

/**
 * A store of encoded chunks, addressed by their 32-byte digest.
 *
 * - A chunk is visible whole or not at all, whatever dies when; it is never changed in place.
 * - Calls may run concurrently, for the same digest too; each sees the others' effects entirely or not at all.
 * - A chunk that is inserted or touched successfully survives any garbage collection that starts later
 *   and the next 24 hours.
 * - Errors are `GranaryError`: `chunk-missing` for a digest that is not there, `blob-invalid` and
 *   `digest-mismatch` for wrong content, `io` for what the system refuses.
 */
export interface ChunkStore {
  /** Room for `size` bytes (1 to 16 MiB + 44); waits, first come first served, while the pool is exhausted. */
  acquireSlot(size: number, options?: { signal?: AbortSignal }): Promise<Slot>;

  /**
   * The one doorway for chunks from outside. The first `length` bytes of the slot must be a well-formed blob;
   * its CRC is computed anew and overwritten; a plain one must have the digest and decode to `size` bytes.
   * Then it is inserted as by `insert`. Nothing is stored when a check fails.
   */
  receive(digest: Uint8Array, size: number, slot: Slot, length: number, o?: ReceiveOptions): Promise<InsertResult>;

  /** Stores a well-formed blob whose content the caller vouches for, by the table of formats.md 14.1. */
  insert(digest: Uint8Array, blob: Uint8Array): Promise<InsertResult>;

  /** The encoded chunk as stored; structure and CRC are checked. */
  read(digest: Uint8Array): Promise<Uint8Array>;

  /** The encoded chunk as stored, unchecked, to be read in pieces: for a peer that checks everything itself. */
  openChunk(digest: Uint8Array): Promise<OpenChunk>;

  /** Encoded length of a chunk, undefined when it is not there. */
  storedSize(digest: Uint8Array): Promise<number | undefined>;

  /** Marks as used now; false when it is not there. */
  touch(digest: Uint8Array): Promise<boolean>;

  /** `touch` for many; gives those that are not there, in the given order. */
  touchMany(digests: readonly Uint8Array[]): Promise<Uint8Array[]>;

  /**
   * Looks at chunks as verification does: CRC, kind, and for plain ones digest and content length.
   * The answers are in the order of `expected`. Never throws for a bad chunk, never changes anything.
   */
  check(expected: readonly ChunkExpectation[], options?: { signal?: AbortSignal }): Promise<ChunkCheck[]>;

  /** Positions of `digests` in the order in which reading them is cheapest here; those not there come last. */
  readingOrder(digests: readonly Uint8Array[], options?: { signal?: AbortSignal }): Promise<Uint32Array>;

  /**
   * Sets a corrupt chunk aside so that the digest is missing from now on. With `copy` of a check only that
   * very copy: undefined when another one has taken its place meanwhile. Gives the place it was put.
   */
  quarantine(digest: Uint8Array, copy?: string): Promise<string | undefined>;

  /** All chunks, in no order that means anything; those that come or go meanwhile may be seen or not. */
  digests(): AsyncIterable<StoredChunk>;

  /**
   * `touchMany` for garbage collection: any number of digests, one after the other in one array, in the order in which
   * the storage likes it. Gives the positions of those not there, ascending; their copies that were set aside are marked.
   */
  mark(digests: Uint8Array, options?: MarkOptions): Promise<Uint32Array>;

  /**
   * Removes chunks that nobody has used for long. One that is inserted or touched meanwhile, by whichever process,
   * stays. Throws at the first chunk that cannot be removed; what was removed until then is gone.
   */
  sweep(options: SweepOptions): Promise<SweepCounts>;

  /** Makes everything inserted so far durable, as far as the store is set to care. */
  sync(): Promise<void>;

  /**
   * Learns anew which chunks there are, for a store that keeps that apart from the chunks; others need not. Nobody may
   * use it meanwhile. Gives the number of chunks.
   */
  relearn?(options?: { signal?: AbortSignal }): Promise<number>;
}
