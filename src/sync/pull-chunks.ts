// Fetches the chunks of an index that the target does not have, many at once over one connection (sync.md 4, step 6).

import { toHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { GranaryError, withContext } from '../base/errors.ts';
import { SharedArena } from '../base/shared-arena.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkKind, ChunkStore } from '../chunk-store/contract.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { maxBlobSize } from '../model/names.ts';
import type { OnPosition } from './group-progress.ts';
import type { SourceReader } from './source.ts';
import { longestEncoding, type Transferred } from './transfer.ts';

/** Requests of one index under way. */
export const requestsAtOnce = 20;
/** Chunks that are looked for at once. */
const window = 2048;

/**
 * What all pulls of this process have under way. Not the slots of the chunk store: a slow line would hold them for long,
 * and backups would have to wait for them.
 */
const inFlightMemory = 64 * 1024 * 1024;
let inFlight: SharedArena | undefined;

export function pullMemory(): SharedArena {
  inFlight ??= new SharedArena(inFlightMemory);
  return inFlight;
}

export interface ChunkTransfer {
  reader: SourceReader;
  index: ChunkIndex;
  kind: ChunkKind;
  /** Chunks that are there already are looked at too, and fetched again if they are corrupt. */
  heal: boolean;
  onPosition: OnPosition;
}

export interface WantedChunk {
  digest: Uint8Array;
  /** Bytes of content. */
  size: number;
  /** Where it ends in the archive. */
  end: number;
}

/** Fetches into one chunk store; remembers what it has handled, as archives of a group have most chunks in common. */
export class ChunkPuller {
  readonly #store: ChunkStore;
  readonly #signal: AbortSignal;
  readonly #handled = new DigestMap();

  constructor(store: ChunkStore, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
  }

  /**
   * When it resolves, every chunk of the index is in the store and was touched. What arrived before an error stays, and
   * is not fetched again by the next run.
   */
  async pull(transfer: ChunkTransfer): Promise<Transferred> {
    const total: Transferred = { chunks: 0, bytes: 0 };
    const fetch = async (wanted: WantedChunk) => ({ bytes: await this.#fetch(transfer, wanted), end: wanted.end });
    for await (const { bytes, end } of mapOrdered(this.#missing(transfer), requestsAtOnce, fetch, this.#signal)) {
      total.chunks++;
      total.bytes += bytes;
      transfer.onPosition(end);
    }
    return total;
  }

  async *#missing({ index, kind, heal }: ChunkTransfer): AsyncGenerator<WantedChunk> {
    for (let at = 0; at < index.count; ) {
      const wanted: WantedChunk[] = [];
      for (; at < index.count && wanted.length < window; at++) {
        const digest = index.digestAt(at);
        const end = index.endOf(at);
        if (this.#handled.set(digest, 0)) wanted.push({ digest, size: end - index.startOf(at), end });
      }
      throwIfAborted(this.#signal);
      if (heal) await this.#removeCorrupt(wanted, kind);
      // In the order of the index; those that are there are touched, so that they stay.
      const missing = new Set(await this.#store.touchMany(wanted.map(({ digest }) => digest)));
      for (const one of wanted) if (missing.has(one.digest)) yield one;
    }
  }

  async #removeCorrupt(wanted: readonly WantedChunk[], kind: ChunkKind): Promise<void> {
    const encrypted = kind === 'encrypted';
    const checks = await this.#store.check(wanted.map(({ digest, size }) => ({ digest, size, encrypted })));
    for (const [i, { verdict, error, copy }] of checks.entries()) {
      const { digest } = wanted[i]!;
      if (verdict === 'corrupt') await this.#store.quarantine(digest, copy);
      if (verdict === 'unreadable') throw new GranaryError('io', `chunk ${toHex(digest)}: ${error}`);
    }
  }

  async #fetch({ reader, kind }: ChunkTransfer, { digest, size }: WantedChunk): Promise<number> {
    const longest = Math.min(longestEncoding(size), maxBlobSize);
    const room = await pullMemory().acquire(longest, this.#signal);
    try {
      const length = await reader.chunk(digest, room.bytes.subarray(0, longest), this.#signal);
      using slot = await this.#store.acquireSlot(length, { signal: this.#signal });
      slot.bytes.set(room.bytes.subarray(0, length));
      room.release();
      await this.#store.receive(digest, size, slot, length, { copyOf: kind });
      return length;
    } catch (error) {
      throw withContext(`chunk ${toHex(digest)}`, error);
    } finally {
      room.release();
    }
  }
}
