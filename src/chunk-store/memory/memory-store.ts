// A chunk store in memory: for tests of what stands on chunk stores, and as the plain reference of the contract.

import type { PooledBytes } from '../../base/buffer-pool.ts';
import { fromHex, toHex } from '../../base/bytes.ts';
import { GranaryError } from '../../base/errors.ts';
import { SharedArena } from '../../base/shared-arena.ts';
import { checkBlob } from '../../format/blob.ts';
import { maxBlobSize } from '../../model/names.ts';
import type { ChunkCheck, ChunkExpectation, ChunkStore, InsertResult, Slot, StoredChunk } from '../contract.ts';
import { decideInsert, type IncomingChunk } from '../insert-table.ts';
import { admitChunk, describeChunk, judgeChunk } from '../verdict.ts';

interface Entry {
  blob: Uint8Array;
  encrypted: boolean;
  compressed: boolean;
  /** Counts the copies that were ever stored. */
  copy: number;
}

export class MemoryChunkStore implements ChunkStore {
  readonly name: string;
  readonly #entries = new Map<string, Entry>();
  readonly #quarantined = new Map<string, Uint8Array>();
  readonly #arena: SharedArena;
  #copies = 0;

  constructor(options: { name?: string; slotMemory?: number } = {}) {
    this.name = options.name ?? 'memory';
    this.#arena = new SharedArena(options.slotMemory ?? 2 * (maxBlobSize + 4096));
  }

  async acquireSlot(size: number, options: { signal?: AbortSignal } = {}): Promise<Slot> {
    if (!Number.isSafeInteger(size) || size < 1 || size > maxBlobSize) {
      throw new GranaryError('bad-request', `a chunk of ${size} bytes cannot be, it has 1 to ${maxBlobSize} bytes`);
    }
    const room = await this.#arena.acquire(size, options.signal);
    const bytes = new Uint8Array(this.#arena.buffer, room.offset, size);
    return { bytes, release: () => room.release(), [Symbol.dispose]: () => room.release() };
  }

  async receive(digest: Uint8Array, size: number, slot: Slot, length: number): Promise<InsertResult> {
    const blob = slot.bytes.subarray(0, length);
    return this.#insert(digest, blob, admitChunk(blob, digest, size));
  }

  async insert(digest: Uint8Array, blob: Uint8Array): Promise<InsertResult> {
    return this.#insert(digest, blob, describeChunk(blob, `chunk ${toHex(digest)}`));
  }

  #insert(digest: Uint8Array, blob: Uint8Array, incoming: IncomingChunk): InsertResult {
    const hex = toHex(digest);
    const entry = this.#entries.get(hex);
    const existing = entry && { size: entry.blob.byteLength, traits: entry };
    if (decideInsert(incoming, existing, hex, this.name) === 'keep' && existing) {
      return { duplicate: true, storedSize: existing.size };
    }
    const { encrypted, compressed } = incoming;
    this.#entries.set(hex, { blob: Uint8Array.from(blob), encrypted, compressed, copy: ++this.#copies });
    return { duplicate: false, storedSize: blob.byteLength };
  }

  async read(digest: Uint8Array): Promise<Uint8Array> {
    const { bytes } = await this.load(digest);
    checkBlob(bytes, `chunk ${toHex(digest)}`);
    return bytes;
  }

  async load(digest: Uint8Array): Promise<PooledBytes> {
    const hex = toHex(digest);
    const entry = this.#entries.get(hex);
    if (!entry) throw new GranaryError('chunk-missing', `chunk ${hex} is missing`, { details: { hex } });
    return { bytes: Uint8Array.from(entry.blob), release: () => {} };
  }

  async storedSize(digest: Uint8Array): Promise<number | undefined> {
    return this.#entries.get(toHex(digest))?.blob.byteLength;
  }

  async touch(digest: Uint8Array): Promise<boolean> {
    return this.#entries.has(toHex(digest));
  }

  async touchMany(digests: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return digests.filter((digest) => !this.#entries.has(toHex(digest)));
  }

  async check(expected: readonly ChunkExpectation[]): Promise<ChunkCheck[]> {
    return expected.map((chunk): ChunkCheck => {
      const entry = this.#entries.get(toHex(chunk.digest));
      if (!entry) return { verdict: 'missing', storedSize: 0, error: 'chunk is missing' };
      return { ...judgeChunk(entry.blob, chunk), storedSize: entry.blob.byteLength, copy: String(entry.copy) };
    });
  }

  async readingOrder(digests: readonly Uint8Array[]): Promise<Uint32Array> {
    const order = Uint32Array.from(digests, (_, i) => i);
    const rank = digests.map((digest) => this.#entries.get(toHex(digest))?.copy ?? Number.MAX_SAFE_INTEGER);
    return order.sort((a, b) => rank[a]! - rank[b]! || a - b);
  }

  async quarantine(digest: Uint8Array, copy?: string): Promise<string | undefined> {
    const hex = toHex(digest);
    const entry = this.#entries.get(hex);
    if (!entry || (copy !== undefined && copy !== String(entry.copy))) return undefined;
    let n = 0;
    while (n < 9 && this.#quarantined.has(`${hex}.${n}.bad`)) n++;
    const bad = `${hex}.${n}.bad`;
    this.#quarantined.set(bad, entry.blob);
    this.#entries.delete(hex);
    return bad;
  }

  async *digests(): AsyncGenerator<StoredChunk> {
    for (const [hex, { blob }] of this.#entries) yield { digest: fromHex(hex, 32), storedSize: blob.byteLength };
  }

  async sync(): Promise<void> {}

  /** Changes a stored chunk behind the store's back, as a failing disk does. For tests. */
  damage(digest: Uint8Array, change: (blob: Uint8Array) => Uint8Array): void {
    const entry = this.#entries.get(toHex(digest));
    if (entry) entry.blob = change(entry.blob);
  }
}
