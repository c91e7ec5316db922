// An encrypted snapshot that is opened in the browser: the server gives what it has stored, the key stays here. The
// manifest's signature is checked first, and with it the checksum of everything else (formats.md 8.4 and 8.5).

import { CatalogReader } from '../../../src/format/catalog-reader.ts';
import { canonicalJson } from '../../../src/format/json.ts';
import { catalogName, manifestName } from '../../../src/model/names.ts';
import { PxarAccessor } from '../../../src/pxar/accessor.ts';
import { DamageError, openBlob } from './blob.ts';
import { type Bytes, sha256, toHex } from './bytes.ts';
import { openIndex } from './chunk-index.ts';
import { type Key, KeyError } from './key.ts';
import { SealedContent } from './sealed-content.ts';

/** How the stored parts come from the server. */
export interface StoredParts {
  /** A file as it is stored. */
  file(name: string, signal?: AbortSignal): Promise<Bytes>;
  /** A chunk as it is stored. */
  chunk(fileName: string, position: number, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface SealedFile {
  filename: string;
  'crypt-mode'?: string;
  size: number;
  csum: string;
}

interface Manifest {
  files: SealedFile[];
  signature: string | null;
  unprotected: Record<string, unknown>;
}

/** The fingerprint of the key that a snapshot was made with, as its manifest says; null where it says nothing. */
export async function statedFingerprint(parts: StoredParts): Promise<string | null> {
  const raw = await openBlob(await parts.file(manifestName), { what: manifestName, encrypted: false });
  const made = parseManifest(raw).unprotected['key-fingerprint'];
  return typeof made === 'string' ? made : null;
}

export class SealedSnapshot {
  readonly #parts: StoredParts;
  readonly #key: Key;
  readonly files: readonly SealedFile[];

  private constructor(parts: StoredParts, key: Key, files: readonly SealedFile[]) {
    this.#parts = parts;
    this.#key = key;
    this.files = files;
  }

  /** Throws `KeyError` for another key than the snapshot's, `DamageError` for what is not as it was written. */
  static async open(parts: StoredParts, key: Key): Promise<SealedSnapshot> {
    const raw = await openBlob(await parts.file(manifestName), { what: manifestName, encrypted: false });
    const manifest = parseManifest(raw);
    const made = manifest.unprotected['key-fingerprint'];
    if (typeof made === 'string' && made !== key.fingerprint) {
      throw new KeyError(`wrong key: the snapshot was made with ${made}, this key is ${key.fingerprint}`);
    }
    if (manifest.signature === null) throw new DamageError('the manifest is not signed, so it cannot be trusted');
    const { signature, unprotected: _, ...signed } = manifest;
    if (toHex(await key.authTag(new TextEncoder().encode(canonicalJson(signed)))) !== signature) {
      if (typeof made !== 'string') {
        throw new KeyError(`the key ${key.fingerprint} is not the snapshot's, or the manifest was changed`);
      }
      throw new DamageError("the manifest's signature is wrong: it was changed after the backup");
    }
    return new SealedSnapshot(parts, key, manifest.files);
  }

  /** The content of `NAME.fidx` or `NAME.didx`. */
  async content(name: string, signal?: AbortSignal): Promise<SealedContent> {
    const file = this.#file(name);
    const index = await openIndex(await this.#parts.file(name, signal), file);
    return new SealedContent({
      index,
      fetchChunk: (position, abort) => this.#parts.chunk(name, position, abort),
      key: file['crypt-mode'] === 'encrypt' ? this.#key : undefined,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** The content of `NAME.blob`. */
  async blob(name: string, signal?: AbortSignal): Promise<Bytes> {
    const file = this.#file(name);
    const raw = await this.#parts.file(name, signal);
    if (raw.byteLength !== file.size || toHex(await sha256(raw)) !== file.csum) {
      throw new DamageError(`${name}: is not the file that the manifest states`);
    }
    return await openBlob(raw, { what: name, key: this.#key, encrypted: file['crypt-mode'] === 'encrypt' });
  }

  /** Undefined where there is none: split archives and images. */
  async catalog(): Promise<CatalogReader | undefined> {
    if (!this.files.some(({ filename }) => filename === catalogName)) return undefined;
    return new CatalogReader(await this.content(catalogName), catalogName);
  }

  /** An archive of files, whole or split. */
  async archive(name: string): Promise<PxarAccessor> {
    const archive = await this.content(name);
    if (!name.endsWith('.mpxar.didx')) return await PxarAccessor.open({ archive }, { archiveName: name });
    const payloadName = name.replace(/\.mpxar\.didx$/, '.ppxar.didx');
    const payload = await this.content(payloadName);
    return await PxarAccessor.open({ archive, payload }, { archiveName: name, payloadName });
  }

  #file(name: string): SealedFile {
    const file = this.files.find(({ filename }) => filename === name);
    if (file === undefined) throw new DamageError(`the manifest does not contain '${name}'`);
    return file;
  }
}

function parseManifest(bytes: Bytes): Manifest {
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new DamageError('the manifest is not JSON');
  }
  const { files, signature = null, unprotected = {} } = (root ?? {}) as Partial<Manifest>;
  const isFile = (one: Partial<SealedFile> | null): boolean =>
    typeof one?.filename === 'string' && Number.isSafeInteger(one.size) && typeof one.csum === 'string';
  if (!Array.isArray(files) || !files.every(isFile) || typeof unprotected !== 'object' || unprotected === null) {
    throw new DamageError('the manifest is not one');
  }
  return { ...(root as object), files, signature, unprotected };
}
