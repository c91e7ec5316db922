// Sends the chunks of an index as they are stored, many at once over one connection (sync.md 6, step 7).

import { IndexWriter } from '../backup/index-writer.ts';
import type { BackupWriter, IndexHandle } from '../backup/writer.ts';
import { toHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { GranaryError, withContext } from '../base/errors.ts';
import { type ArenaRoom, SharedArena } from '../base/shared-arena.ts';
import { throwIfAborted } from '../base/streams.ts';
import { checkBlob } from '../format/blob.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import type { ManifestFile } from '../format/manifest.ts';
import { maxBlobSize } from '../model/names.ts';
import type { OnPosition } from './group-progress.ts';
import type { SourceReader } from './source.ts';
import { longestEncoding, type Transferred } from './transfer.ts';

/** Bytes of chunks that a run holds, and the least that one counts for: so that no more than 64 are under way. */
const memory = 64 * 1024 * 1024;
export const leastRoom = 1024 * 1024;
/** Entries that wait to be named behind a chunk that is on its way. */
export const maxWaiting = 4096;

/** Memory for the chunks that all groups of a run have under way. */
export function pushMemory(): SharedArena {
  return new SharedArena(memory);
}

/** Opens an index on the target for the same content. */
export function openIndex(writer: BackupWriter, name: string, { kind, size }: ChunkIndex): Promise<IndexHandle> {
  return kind === 'fixed' ? writer.createFixedIndex(name, { size }) : writer.createDynamicIndex(name);
}

export interface ChunkPush {
  writer: BackupWriter;
  reader: SourceReader;
  memory: SharedArena;
  signal: AbortSignal;
}

/** Sends the chunks of the archives of one snapshot, each of them once. */
export class ChunkPusher {
  readonly #o: ChunkPush;
  /** Chunks that may be named in the session. */
  readonly #known = new DigestMap();

  constructor(o: ChunkPush) {
    this.#o = o;
  }

  /**
   * Writes the index on the target, from its opening to its closing. `known` is the target's index of the snapshot
   * before, whose chunks may be named.
   */
  async pushIndex(
    file: ManifestFile,
    { index, known }: { index: ChunkIndex; known: ChunkIndex | undefined },
    onPosition: OnPosition,
  ): Promise<Transferred> {
    for (let i = 0; known && i < known.count; i++) {
      this.#known.set(known.digestAt(i), known.endOf(i) - known.startOf(i));
    }
    const { writer, signal } = this.#o;
    const handle = await openIndex(writer, file.filename, index);
    const entries = new IndexWriter(writer, handle);
    const total: Transferred = { chunks: 0, bytes: 0 };
    const underWay = new Set<Promise<unknown>>();
    try {
      for (let i = 0; i < index.count && !entries.failed; i++) {
        throwIfAborted(signal);
        const digest = index.digestAt(i);
        const size = index.endOf(i) - index.startOf(i);
        onPosition(index.startOf(i));
        if (entries.waiting >= maxWaiting) await entries.fewer();
        // One that is on its way already is named behind its first appearance, when it has arrived.
        if (!this.#known.set(digest, size)) {
          entries.addKnown(size, digest);
          continue;
        }
        const room = await this.#o.memory.acquire(Math.max(longestEncoding(size), leastRoom), signal);
        const sent = this.#send(handle, { digest, size, encrypted: file['crypt-mode'] === 'encrypt' }, room);
        const stored = sent.then((bytes) => {
          total.chunks++;
          total.bytes += bytes;
          return digest;
        });
        entries.add(size, stored);
        const settled = stored.catch(() => {}).finally(() => underWay.delete(settled));
        underWay.add(settled);
      }
      await writer.closeIndex(handle, await entries.finish());
      return total;
    } finally {
      await Promise.all(underWay);
    }
  }

  /** Bytes that were sent. Gives the room back in every case. */
  async #send(
    index: IndexHandle,
    { digest, size, encrypted }: { digest: Uint8Array; size: number; encrypted: boolean },
    room: ArenaRoom,
  ): Promise<number> {
    const { reader, writer, signal } = this.#o;
    try {
      const length = await reader.chunk(digest, room.bytes.subarray(0, Math.min(room.length, maxBlobSize)), signal);
      const raw = room.bytes.subarray(0, length);
      // The target writes the CRC anew, and cannot look into encrypted chunks: damage has to be seen here.
      const kind = checkBlob(raw, '');
      if (kind.encrypted !== encrypted) {
        const text = encrypted ? 'is plain, but has to be encrypted' : 'is encrypted, but has to be plain';
        throw new GranaryError('blob-invalid', text);
      }
      await writer.uploadChunk(index, { digest, size, body: [raw] });
      return length;
    } catch (error) {
      throw withContext(`chunk ${toHex(digest)}`, error);
    } finally {
      room.release();
    }
  }
}
