// Encrypts a plain snapshot on its way to the target: chunks where they were cut, blobs, and a manifest of its own
// (sync.md 10).

import { createHash } from 'node:crypto';
import { IndexWriter } from '../backup/index-writer.ts';
import type { IndexHandle } from '../backup/writer.ts';
import { toHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { withContext } from '../base/errors.ts';
import type { ArenaRoom } from '../base/shared-arena.ts';
import { throwIfAborted } from '../base/streams.ts';
import { type CryptConfig, formatFingerprint, parseFingerprint } from '../crypto/crypt-config.ts';
import { blobInfo, decodeBlob, encodeBlob } from '../format/blob.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import {
  canonicalManifest,
  type Manifest,
  type ManifestFile,
  signManifest,
  verifyManifest,
} from '../format/manifest.ts';
import { maxBlobSize } from '../model/names.ts';
import type { ChunkCrypt } from './chunk-crypt.ts';
import { sealGrowth } from './crypt-worker.ts';
import type { DigestPairs } from './digest-pairs.ts';
import type { OnPosition } from './group-progress.ts';
import { type ChunkPush, leastRoom, maxWaiting, openIndex } from './push-chunks.ts';
import { longestEncoding, type Transferred } from './transfer.ts';

/** What a key does to a snapshot: one of which no file is encrypted is, one of which all are goes as it is. */
export function encryptionOf({ files }: Manifest): 'encrypt' | 'pass' | 'mixed' {
  const encrypted = files.filter((file) => file['crypt-mode'] === 'encrypt').length;
  return encrypted === 0 ? 'encrypt' : encrypted === files.length ? 'pass' : 'mixed';
}

/** What encrypting the snapshots of one group has in common. */
export interface GroupEncryption {
  crypt: CryptConfig;
  /** Has the key, and works in the memory of the run. */
  chunkCrypt: ChunkCrypt;
  /** What plain chunks of the group are called when they are encrypted, as far as it has turned out. */
  names: DigestPairs;
  /** Whether that was looked up in what an earlier run has pushed. */
  learnt: boolean;
}

export type SnapshotEncryption = ChunkPush & GroupEncryption;

/** The files of one snapshot; collects what its manifest will say of them. */
export class SnapshotEncryptor {
  readonly #o: SnapshotEncryption;
  readonly #files: ManifestFile[] = [];
  /** Encrypted chunks that may be named in the session. */
  readonly #known = new DigestMap();

  constructor(o: SnapshotEncryption) {
    this.#o = o;
  }

  /** A blob of the snapshot, or, when it is none of the manifest's, its log. */
  async pushBlob(name: string, raw: Uint8Array, file?: ManifestFile): Promise<void> {
    const { crypt, writer } = this.#o;
    const encrypted = blobInfo(raw, name).encrypted
      ? raw
      : encodeBlob(decodeBlob(raw, { what: name, expect: 'plain' }), { crypt });
    await writer.uploadBlob(name, encrypted);
    if (!file) return;
    const csum = createHash('sha256').update(encrypted).digest('hex');
    this.#files.push({ ...file, 'crypt-mode': 'encrypt', size: encrypted.byteLength, csum });
  }

  /** `known` is the target's index of the archive in the snapshot before, encrypted with the same key. */
  async pushIndex(
    file: ManifestFile,
    { index, known }: { index: ChunkIndex; known: ChunkIndex | undefined },
    onPosition: OnPosition,
  ): Promise<Transferred> {
    for (let i = 0; known && i < known.count; i++) this.#known.set(known.digestAt(i), 0);
    const { writer, memory, names, signal } = this.#o;
    const handle = await openIndex(writer, file.filename, index);
    const entries = new IndexWriter(writer, handle);
    const total: Transferred = { chunks: 0, bytes: 0 };
    /** By plain digests: what a chunk is called is known only after it was encrypted. */
    const underWay = new Map<string, Promise<Uint8Array>>();
    try {
      for (let i = 0; i < index.count && !entries.failed; i++) {
        throwIfAborted(signal);
        onPosition(index.startOf(i));
        if (entries.waiting >= maxWaiting) await entries.fewer();
        const digest = index.digestAt(i);
        const size = index.endOf(i) - index.startOf(i);
        const name = names.get(digest);
        // One that is on its way already is named behind its first appearance, when it has arrived.
        if (name && this.#known.has(name)) {
          entries.addKnown(size, name);
          continue;
        }
        const hex = toHex(digest);
        let sent = underWay.get(hex);
        if (!sent) {
          const room = await memory.acquire(Math.max(longestEncoding(size), leastRoom), signal);
          sent = this.#send(handle, { digest, size }, room, total).finally(() => underWay.delete(hex));
          underWay.set(hex, sent);
        }
        entries.add(size, sent);
      }
      const totals = await entries.finish();
      await writer.closeIndex(handle, totals);
      this.#files.push({ ...file, 'crypt-mode': 'encrypt', size: totals.size, csum: toHex(totals.csum) });
      return total;
    } finally {
      await Promise.allSettled(underWay.values());
    }
  }

  /** What the chunk is called on the target, once it is there. Gives the room back in every case. */
  async #send(
    index: IndexHandle,
    { digest, size }: { digest: Uint8Array; size: number },
    room: ArenaRoom,
    total: Transferred,
  ): Promise<Uint8Array> {
    const { reader, writer, chunkCrypt, crypt, names, signal } = this.#o;
    try {
      const most = Math.min(room.length - sealGrowth, maxBlobSize);
      const length = await reader.chunk(digest, room.bytes.subarray(0, most), signal);
      // Encrypted, damage could not be seen any more: here the content has to be what it is called.
      const sealed = await chunkCrypt.seal({ offset: room.offset, length, digest, size }, crypt);
      const isNew = this.#known.set(sealed.digest, 0);
      names.set(digest, sealed.digest);
      if (isNew) {
        await writer.uploadChunk(index, { digest: sealed.digest, size, body: [room.bytes.subarray(0, sealed.length)] });
        total.chunks++;
        total.bytes += sealed.length;
      }
      return sealed.digest;
    } catch (error) {
      throw withContext(`chunk ${toHex(digest)}`, error);
    } finally {
      room.release();
    }
  }

  /** The manifest for what was pushed. It tells what the plain one was, so that a pull knows whether it is the same. */
  manifest(source: Manifest): Manifest {
    const { crypt } = this.#o;
    // What was verified is another's chunks.
    const { verify_state: _, ...unprotected } = source.unprotected;
    return signManifest(
      { ...source, files: this.#files, unprotected: { ...unprotected, [originMember]: originOf(source, crypt) } },
      crypt,
    );
  }
}

/** Member of a manifest that is not signed: what it was made from. */
const originMember = 'sync-source-signature';

function originOf(source: Manifest, crypt: CryptConfig): string {
  return formatFingerprint(crypt.authTag(canonicalManifest(source)));
}

/** Whether a manifest of the target, which has to be signed with the key, was made from that plain one. */
export function isMadeFrom(made: Manifest, source: Manifest, crypt: CryptConfig): boolean {
  const origin = made.unprotected[originMember];
  if (made.signature === null || typeof origin !== 'string') return false;
  if (parseFingerprint(origin) !== originOf(source, crypt)) return false;
  try {
    verifyManifest(made, crypt);
    return true;
  } catch {
    return false;
  }
}
