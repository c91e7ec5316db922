// The client side of a reader session: files of one snapshot, each checked against the manifest before it is used
// (backup-protocol.md 7, formats.md 8.5).

import { hash } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { collect } from '../base/streams.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import { decodeBlob } from '../format/blob.ts';
import { type ChunkIndex, parseIndex } from '../format/chunk-index.ts';
import {
  checkManifestKey,
  decodeManifestBlob,
  findFile,
  type Manifest,
  type ManifestFile,
  verifyManifest,
} from '../format/manifest.ts';
import { clientLogName, encryptedKeyName, manifestName, maxBlobSize } from '../model/names.ts';
import type { H2Session } from '../wire/h2-client.ts';
import { ChunkCache, type ChunkCacheOptions } from './chunk-cache.ts';
import { ChunkReader } from './chunk-reader.ts';

/** Longest index: of more than ten million chunks. */
const maxIndex = 512 * 1024 * 1024;

export interface ReaderClientOptions {
  /** Opens what is encrypted, and checks the manifest's signature. */
  crypt?: CryptConfig;
  /** Memory and threads for chunks. */
  limits?: Pick<ChunkCacheOptions, 'memory' | 'workers'>;
}

/** One snapshot over one reader session, which stays the caller's. Disposing ends the threads. */
export class ReaderClient implements AsyncDisposable {
  readonly session: H2Session;
  readonly #options: ReaderClientOptions;
  #manifest: Promise<Manifest> | undefined;
  #cache: ChunkCache | undefined;
  readonly #indexes = new Map<string, Promise<ChunkIndex>>();

  constructor(session: H2Session, options: ReaderClientOptions = {}) {
    this.session = session;
    this.#options = options;
  }

  /** The manifest; with a key, its signature is checked: `wrong-key` or `manifest-invalid`. */
  manifest(): Promise<Manifest> {
    this.#manifest ??= this.#loadManifest();
    return this.#manifest;
  }

  /** An index that agrees with the manifest in size and checksum, else `index-invalid`. Its chunks may be read then. */
  index(storedName: string): Promise<ChunkIndex> {
    let index = this.#indexes.get(storedName);
    if (!index) {
      index = this.#loadIndex(storedName);
      this.#indexes.set(storedName, index);
    }
    return index;
  }

  /** The content of an archive. */
  async open(storedName: string, options: { readAhead?: number } = {}): Promise<ChunkReader> {
    const index = await this.index(storedName);
    const file = await this.#listed(storedName);
    this.#cache ??= new ChunkCache({ session: this.session, crypt: this.#options.crypt, ...this.#options.limits });
    return new ChunkReader({
      cache: this.#cache,
      index,
      name: storedName,
      cryptMode: file['crypt-mode'],
      readAhead: options.readAhead,
    });
  }

  /** A stored blob as it is, in agreement with the manifest, else `blob-invalid`. The log is in no manifest. */
  async file(storedName: string): Promise<Uint8Array> {
    const file = storedName === clientLogName ? undefined : await this.#listed(storedName);
    const raw = await this.#download(storedName, maxBlobSize);
    if (!file) return raw;
    if (raw.byteLength !== file.size) {
      throw new GranaryError(
        'blob-invalid',
        `${storedName} has ${raw.byteLength} bytes, but ${file.size} in the manifest`,
      );
    }
    const csum = hash('sha256', raw);
    if (csum !== file.csum) {
      throw new GranaryError('blob-invalid', `${storedName} has SHA-256 ${csum}, but ${file.csum} in the manifest`);
    }
    return raw;
  }

  /** The content of a stored blob. */
  async blob(storedName: string): Promise<Uint8Array> {
    const raw = await this.file(storedName);
    return decodeBlob(raw, { what: storedName, crypt: this.#options.crypt });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cache?.[Symbol.asyncDispose]();
  }

  async #loadManifest(): Promise<Manifest> {
    const manifest = decodeManifestBlob(await this.#download(manifestName, maxBlobSize), manifestName);
    if (this.#options.crypt) verifyManifest(manifest, this.#options.crypt);
    return manifest;
  }

  async #loadIndex(storedName: string): Promise<ChunkIndex> {
    const file = await this.#listed(storedName);
    const index = parseIndex(storedName, await this.#download(storedName, maxIndex), storedName);
    if (index.size !== file.size) {
      throw new GranaryError('index-invalid', `${storedName} has size ${index.size}, but ${file.size} in the manifest`);
    }
    const csum = toHex(index.checksum());
    if (csum !== file.csum) {
      throw new GranaryError('index-invalid', `${storedName} has checksum ${csum}, but ${file.csum} in the manifest`);
    }
    return index;
  }

  /** The manifest's entry; with the key that the snapshot needs, except for the key that is in the snapshot itself. */
  async #listed(storedName: string): Promise<ManifestFile> {
    const manifest = await this.manifest();
    const file = findFile(manifest, storedName);
    if (!file) throw new GranaryError('not-found', `the manifest has no file '${storedName}'`);
    if (storedName !== encryptedKeyName) checkManifestKey(manifest, this.#options.crypt);
    return file;
  }

  async #download(storedName: string, limit: number): Promise<Uint8Array> {
    const parts = await this.session.download('download', { 'file-name': storedName });
    return collect(parts, limit, storedName);
  }
}
