// A chunk store in memory: for tests of what stands on chunk stores, and as the plain reference of the contract.

import { fromHex, toHex } from '../../base/bytes.ts';
import { GranaryError } from '../../base/errors.ts';
import { SharedArena } from '../../base/shared-arena.ts';
import { checkBlob } from '../../format/blob.ts';
import { maxBlobSize } from '../../model/names.ts';
import type {
  ChunkCheck,
  ChunkExpectation,
  ChunkStore,
  InsertResult,
  OpenChunk,
  ReceiveOptions,
  Slot,
  StoredChunk,
  SweepCounts,
  SweepOptions,
} from '../contract.ts';
import { decideInsert, type IncomingChunk } from '../insert-table.ts';
import { KeptChunks } from '../kept-chunks.ts';
import { noCounts } from '../sweep-counts.ts';
import { admitChunk, describeChunk, judgeChunk } from '../verdict.ts';

interface Entry {
  blob: Uint8Array;
  encrypted: boolean;
  compressed: boolean;
  /** Counts the copies that were ever stored. */
  copy: number;
  /** Epoch seconds. */
  used: number;
}

const now = (): number => Math.floor(Date.now() / 1000);

export class MemoryChunkStore implements ChunkStore {
  readonly name: string;
  readonly #entries = new Map<string, Entry>();
  readonly #quarantined = new Map<string, { size: number; used: number }>();
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

  async receive(
    digest: Uint8Array,
    size: number,
    slot: Slot,
    length: number,
    o: ReceiveOptions = {},
  ): Promise<InsertResult> {
    const blob = slot.bytes.subarray(0, length);
    return this.#insert(digest, blob, admitChunk(blob, { digest, size }, o));
  }

  async insert(digest: Uint8Array, blob: Uint8Array): Promise<InsertResult> {
    return this.#insert(digest, blob, describeChunk(blob, `chunk ${toHex(digest)}`));
  }

  #insert(digest: Uint8Array, blob: Uint8Array, incoming: IncomingChunk): InsertResult {
    const hex = toHex(digest);
    const entry = this.#entries.get(hex);
    const existing = entry && { size: entry.blob.byteLength, traits: entry };
    if (decideInsert(incoming, existing, hex, this.name) === 'keep' && entry && existing) {
      entry.used = now();
      return { duplicate: true, storedSize: existing.size };
    }
    const { encrypted, compressed } = incoming;
    const stored = Uint8Array.from(blob);
    this.#entries.set(hex, { blob: stored, encrypted, compressed, copy: ++this.#copies, used: now() });
    return { duplicate: false, storedSize: blob.byteLength };
  }

  async read(digest: Uint8Array): Promise<Uint8Array> {
    const bytes = Uint8Array.from(this.#find(digest));
    checkBlob(bytes, `chunk ${toHex(digest)}`);
    return bytes;
  }

  async openChunk(digest: Uint8Array): Promise<OpenChunk> {
    const blob = this.#find(digest);
    return {
      size: blob.byteLength,
      read: async (target, position) => {
        if (position + target.byteLength > blob.byteLength) {
          throw new GranaryError('io', `chunk ${toHex(digest)} is shorter than that`);
        }
        target.set(blob.subarray(position, position + target.byteLength));
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #find(digest: Uint8Array): Uint8Array {
    const hex = toHex(digest);
    const entry = this.#entries.get(hex);
    if (!entry) throw new GranaryError('chunk-missing', `chunk ${hex} is missing`, { details: { hex } });
    return entry.blob;
  }

  async storedSize(digest: Uint8Array): Promise<number | undefined> {
    return this.#entries.get(toHex(digest))?.blob.byteLength;
  }

  async touch(digest: Uint8Array): Promise<boolean> {
    const entry = this.#entries.get(toHex(digest));
    if (entry) entry.used = now();
    return entry !== undefined;
  }

  async touchMany(digests: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const found = await Promise.all(digests.map((digest) => this.touch(digest)));
    return digests.filter((_, i) => !found[i]);
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
    this.#quarantined.set(bad, { size: entry.blob.byteLength, used: entry.used });
    this.#entries.delete(hex);
    return bad;
  }

  async *digests(): AsyncGenerator<StoredChunk> {
    for (const [hex, { blob }] of this.#entries) yield { digest: fromHex(hex, 32), storedSize: blob.byteLength };
  }

  async mark(digests: Uint8Array): Promise<Uint32Array> {
    const missing: number[] = [];
    for (let i = 0; i * 32 < digests.byteLength; i++) {
      const digest = digests.subarray(i * 32, i * 32 + 32);
      if (await this.touch(digest)) continue;
      missing.push(i);
      for (const [name, bad] of this.#quarantined) if (name.startsWith(toHex(digest))) bad.used = now();
    }
    return Uint32Array.from(missing);
  }

  async sweep({ minAtime, oldestWriter, onProgress, onKept }: SweepOptions): Promise<SweepCounts> {
    const counts = noCounts();
    const kept = new KeptChunks();
    for (const [hex, { blob, used }] of this.#entries) {
      const kind = used < minAtime ? 'removed' : used < oldestWriter ? 'pending' : 'disk';
      counts[`${kind}-chunks`]++;
      counts[`${kind}-bytes`] += blob.byteLength;
      if (kind === 'removed') this.#entries.delete(hex);
      else kept.add(fromHex(hex, 32), blob.byteLength);
    }
    for (const [name, { size, used }] of this.#quarantined) {
      const kind = used < minAtime ? 'removed' : used < oldestWriter ? 'pending' : 'disk';
      counts[kind === 'removed' ? 'removed-bad' : 'still-bad']++;
      counts[`${kind}-bytes`] += size;
      if (kind === 'removed') this.#quarantined.delete(name);
    }
    onKept?.(kept.records());
    onProgress?.(1, counts['disk-chunks'] + counts['pending-chunks'] + counts['removed-chunks']);
    return counts;
  }

  async sync(): Promise<void> {}

  /** Makes a chunk, or what was set aside of it, last used at `used`, epoch seconds. For tests. */
  age(digest: Uint8Array, used: number): void {
    const hex = toHex(digest);
    const entry = this.#entries.get(hex);
    if (entry) entry.used = used;
    for (const [name, bad] of this.#quarantined) if (name.startsWith(hex)) bad.used = used;
  }

  /** Changes a stored chunk behind the store's back, as a failing disk does. For tests. */
  damage(digest: Uint8Array, change: (blob: Uint8Array) => Uint8Array): void {
    const entry = this.#entries.get(toHex(digest));
    if (entry) entry.blob = change(entry.blob);
  }
}
