// Encrypts a plain snapshot on its way to the target: chunks where they were cut, blobs, and a manifest of its own
// (sync.md 10).

import { createHash } from 'node:crypto';
import type { BackupWriter } from '../backup/writer.ts';
import { toHex } from '../base/bytes.ts';
import { withContext } from '../base/errors.ts';
import type { SharedArena } from '../base/shared-arena.ts';
import { throwIfAborted } from '../base/streams.ts';
import { UploadEngine } from '../client/upload.ts';
import { type CryptConfig, formatFingerprint } from '../crypto/crypt-config.ts';
import { blobInfo, decodeBlob, encodeBlob } from '../format/blob.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { canonicalManifest, type Manifest, type ManifestFile, signManifest } from '../format/manifest.ts';
import type { OnPosition } from './group-progress.ts';
import type { SourceReader } from './source.ts';
import { longestEncoding, type Transferred } from './transfer.ts';

/** Bytes of content that a snapshot has under way while it is encrypted. */
const memory = 48 * 1024 * 1024;

/** What a key does to a snapshot: one of which no file is encrypted is, one of which all are goes as it is. */
export function encryptionOf({ files }: Manifest): 'encrypt' | 'pass' | 'mixed' {
  const encrypted = files.filter((file) => file['crypt-mode'] === 'encrypt').length;
  return encrypted === 0 ? 'encrypt' : encrypted === files.length ? 'pass' : 'mixed';
}

export interface SnapshotEncryption {
  writer: BackupWriter;
  reader: SourceReader;
  crypt: CryptConfig;
  /** For the chunks as they are read. */
  memory: SharedArena;
  signal: AbortSignal;
}

/** The files of one snapshot; collects what its manifest will say of them. */
export class SnapshotEncryptor implements AsyncDisposable {
  readonly #o: SnapshotEncryption;
  readonly #engine: UploadEngine;
  readonly #files: ManifestFile[] = [];

  private constructor(o: SnapshotEncryption, engine: UploadEngine) {
    this.#o = o;
    this.#engine = engine;
  }

  static async start(o: SnapshotEncryption): Promise<SnapshotEncryptor> {
    const { writer, crypt, signal } = o;
    return new SnapshotEncryptor(o, await UploadEngine.start({ writer, crypt, signal, limits: { memory } }));
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
    const { reader, signal } = this.#o;
    const { kind, size } = index;
    const upload = await this.#engine.openChunked(file.filename, { kind, size, known });
    for (let i = 0; i < index.count; i++) {
      throwIfAborted(signal);
      onPosition(index.startOf(i));
      const length = index.endOf(i) - index.startOf(i);
      const room = await this.#o.memory.acquire(longestEncoding(length), signal);
      try {
        const digest = index.digestAt(i);
        const what = `chunk ${toHex(digest)}`;
        const read = await reader.chunk(digest, room.bytes, signal).catch((error: unknown) => {
          throw withContext(what, error);
        });
        // Encrypted, damage could not be seen any more.
        const content = decodeBlob(room.bytes.subarray(0, read), { what, digest, size: length, expect: 'plain' });
        await upload.write(content);
      } finally {
        room.release();
      }
    }
    const result = await upload.finish();
    this.#files.push({ ...file, 'crypt-mode': 'encrypt', size: result.size, csum: result.csum });
    return { chunks: result.uploadedChunks, bytes: result.storedBytes };
  }

  /** The manifest for what was pushed. It tells what the plain one was, so that a pull knows whether it is the same. */
  manifest(source: Manifest): Manifest {
    const { crypt } = this.#o;
    // What was verified is another's chunks.
    const { verify_state: _, ...unprotected } = source.unprotected;
    const sourceSignature = formatFingerprint(crypt.authTag(canonicalManifest(source)));
    return signManifest(
      { ...source, files: this.#files, unprotected: { ...unprotected, 'sync-source-signature': sourceSignature } },
      crypt,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}
