// Decrypts a snapshot on its way here: which ones are, their chunks under new names, their files and manifest
// (sync.md 10).

import { createHash, randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { DigestMap } from '../base/digest-map.ts';
import { GranaryError, withContext } from '../base/errors.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { type CryptConfig, parseFingerprint } from '../crypto/crypt-config.ts';
import type { SnapshotImport } from '../datastore/group-import.ts';
import type { ImportRecord } from '../datastore/import-record.ts';
import { type ChunkIndex, parseIndex, replaceDigests } from '../format/chunk-index.ts';
import {
  canonicalManifest,
  findFile,
  type Manifest,
  type ManifestFile,
  manifestKeyFingerprint,
  verifyManifest,
} from '../format/manifest.ts';
import { archiveKind, manifestName, maxBlobSize } from '../model/names.ts';
import { type ChunkCrypt, unsealFile } from './chunk-crypt.ts';
import { DigestPairs } from './digest-pairs.ts';
import type { OnPosition } from './group-progress.ts';
import { PairRecord } from './pair-record.ts';
import { pullMemory, requestsAtOnce, type WantedChunk } from './pull-chunks.ts';
import { isEncryptedSnapshot, type SourceReader } from './source.ts';
import { longestEncoding, readSourceFile, type SourceFile, type Transferred } from './transfer.ts';

/** Member of a manifest that is not signed: the signature of what it was made from. */
const originMember = 'sync-source-signature';
/** Chunks that are looked for at once. */
const window = 2048;

/**
 * `as-is`: nothing is decrypted. `unchanged`: the copy here is what decrypting would give. `partly`: as it is too, since
 * a key would open only some of its files.
 */
export type DecryptionCase =
  | { kind: 'as-is' | 'partly' }
  | { kind: 'unchanged'; crypt: CryptConfig | undefined }
  | { kind: 'decrypt'; crypt: CryptConfig };

/**
 * What becomes of a snapshot of the source, given the copy here if there is one that can be read. Throws when the copy
 * is another snapshot, or the signature on the source is wrong. With `again` a copy that is damaged is made anew.
 */
export function decryptionCase(
  source: Manifest,
  local: Manifest | undefined,
  decryption: ChunkCrypt | undefined,
  again: boolean,
): DecryptionCase {
  const fingerprint = manifestKeyFingerprint(source);
  // A copy that is encrypted stays so.
  if (fingerprint === undefined || (local && manifestKeyFingerprint(local) !== undefined)) return { kind: 'as-is' };
  const crypt = decryption?.key(fingerprint);
  if (crypt && source.signature !== null) verifyManifest(source, crypt);
  if (local) {
    if (!isDecryptedCopy(local, source, crypt)) {
      throw new GranaryError('bad-request', 'refusing to overwrite local snapshot: content differs from source');
    }
    if (!again) return { kind: 'unchanged', crypt };
    if (crypt) return { kind: 'decrypt', crypt };
    throw new GranaryError('wrong-key', 'the copy here was decrypted, and the key to do so again is not given');
  }
  if (!crypt) return { kind: 'as-is' };
  const modes: [string, string][] = source.files.map((file) => [file.filename, file['crypt-mode']]);
  modes.push([manifestName, source.signature === null ? 'none' : 'sign-only']);
  return isEncryptedSnapshot(modes) ? { kind: 'decrypt', crypt } : { kind: 'partly' };
}

/** Whether a plain copy was made from that snapshot; or the snapshot, with the key at hand, from the plain one. */
function isDecryptedCopy(local: Manifest, source: Manifest, crypt: CryptConfig | undefined): boolean {
  const same = (member: unknown, signature: string): boolean =>
    typeof member === 'string' && parseFingerprint(member) === parseFingerprint(signature);
  if (source.signature !== null && same(local.unprotected[originMember], source.signature)) return true;
  return crypt !== undefined && same(source.unprotected[originMember], toHex(crypt.authTag(canonicalManifest(local))));
}

export interface DecryptedPull {
  reader: SourceReader;
  crypt: CryptConfig;
  /** Looks at the copies of chunks that are there, and replaces those that are corrupt. */
  heal: boolean;
}

/** What decrypting the snapshots of one group has in common: what their chunks are called when they are plain. */
export class GroupDecryption {
  readonly #store: ChunkStore;
  readonly #decryption: ChunkCrypt;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #plain = new DigestPairs();
  readonly #record: PairRecord;

  constructor(
    store: ChunkStore,
    decryption: ChunkCrypt,
    { record, clock, signal }: { record: ImportRecord; clock: Clock; signal: AbortSignal },
  ) {
    this.#store = store;
    this.#decryption = decryption;
    this.#record = new PairRecord(record);
    this.#clock = clock;
    this.#signal = signal;
  }

  /**
   * Learns from a copy that was decrypted before what its chunks are called, so that those the next snapshot has too
   * are not fetched. `source` has been found to be what it was made from.
   */
  async learn(reader: SourceReader, local: SnapshotImport, source: Manifest, copy: Manifest): Promise<void> {
    for (const file of source.files) {
      throwIfAborted(this.#signal);
      const made = findFile(copy, file.filename);
      if (archiveKind(file.filename) === 'blob' || !made || !(await local.matches(made))) continue;
      const { index } = await readSourceFile(reader, file);
      const plain = await local.index(file.filename);
      if (index) this.#plain.learn(index, plain);
    }
  }

  /**
   * Brings the chunks of an archive here, and gives its index. When it resolves every chunk that it names is in the
   * store and was touched. What arrived before an error stays, and is not fetched again by the next run.
   */
  async pullArchive(
    { filename }: ManifestFile,
    { raw, index }: SourceFile & { index: ChunkIndex },
    pull: DecryptedPull,
    onPosition: OnPosition,
  ): Promise<{ raw: Uint8Array; moved: Transferred }> {
    await this.#record.addTo(this.#plain, pull.crypt);
    const moved: Transferred = { chunks: 0, bytes: 0 };
    const fetch = async (wanted: WantedChunk) => ({ bytes: await this.#fetch(pull, wanted), end: wanted.end });
    for await (const { bytes, end } of mapOrdered(
      this.#missing(index, pull.heal),
      requestsAtOnce,
      fetch,
      this.#signal,
    )) {
      moved.chunks++;
      moved.bytes += bytes;
      onPosition(end);
    }
    const origin = { uuid: randomBytes(16), ctime: epochSeconds(this.#clock) };
    return { raw: replaceDigests(filename, raw, origin, (i) => this.#plain.get(index.digestAt(i))!), moved };
  }

  /** Each chunk once. Those that are there are touched, so that they stay. */
  async *#missing(index: ChunkIndex, heal: boolean): AsyncGenerator<WantedChunk> {
    const seen = new DigestMap();
    for (let at = 0; at < index.count; ) {
      const here: { plain: Uint8Array; wanted: WantedChunk }[] = [];
      const wanted: WantedChunk[] = [];
      for (; at < index.count && here.length + wanted.length < window; at++) {
        const end = index.endOf(at);
        const one = { digest: index.digestAt(at), size: end - index.startOf(at), end };
        if (!seen.set(one.digest, 0)) continue;
        const plain = heal ? undefined : this.#plain.get(one.digest);
        if (plain) here.push({ plain, wanted: one });
        else wanted.push(one);
      }
      throwIfAborted(this.#signal);
      const gone = new Set(await this.#store.touchMany(here.map(({ plain }) => plain)));
      for (const { plain, wanted: one } of here) if (gone.has(plain)) wanted.push(one);
      yield* wanted;
    }
  }

  async #fetch({ reader, crypt, heal }: DecryptedPull, { digest, size }: WantedChunk): Promise<number> {
    const longest = Math.min(longestEncoding(size), maxBlobSize);
    const room = await pullMemory().acquire(longest, this.#signal);
    try {
      const length = await reader.chunk(digest, room.bytes.subarray(0, longest), this.#signal);
      const plain = await this.#decryption.unseal({ offset: room.offset, length, digest, size }, crypt);
      if (heal) await this.#removeCorrupt(plain.digest, size);
      await this.#store.insert(plain.digest, room.bytes.subarray(0, plain.length));
      this.#plain.set(digest, plain.digest);
      this.#record.add(digest, plain.digest, crypt);
      return length;
    } catch (error) {
      throw withContext(`chunk ${toHex(digest)}`, error);
    } finally {
      room.release();
    }
  }

  async #removeCorrupt(digest: Uint8Array, size: number): Promise<void> {
    const [check] = await this.#store.check([{ digest, size, encrypted: false }]);
    if (check?.verdict === 'corrupt') await this.#store.quarantine(digest, check.copy);
  }
}

/** A file of a snapshot as it is stored when it is plain, with its entry for the manifest. */
export function decryptedFile(
  file: ManifestFile,
  content: Uint8Array,
  crypt: CryptConfig,
): { raw: Uint8Array; entry: ManifestFile } {
  const { filename } = file;
  if (archiveKind(filename) !== 'blob') {
    const { size, checksum } = parseIndex(filename, content, filename);
    return { raw: content, entry: { ...file, 'crypt-mode': 'none', size, csum: toHex(checksum()) } };
  }
  const raw = unsealFile(filename, content, crypt);
  const csum = createHash('sha256').update(raw).digest('hex');
  return { raw, entry: { ...file, 'crypt-mode': 'none', size: raw.byteLength, csum } };
}

/** The manifest of a copy with these files. It keeps whose copy it is, so that another run can tell. */
export function decryptedManifest(source: Manifest, files: ManifestFile[]): Manifest {
  // What was verified is another's chunks.
  const { 'key-fingerprint': _, verify_state: __, ...unprotected } = source.unprotected;
  return { ...source, files, signature: null, unprotected: { ...unprotected, [originMember]: source.signature } };
}
