// The manifest `index.json.blob`: which files a finished snapshot has, with checksums and a signature over them
// (formats.md 8). Members that this program does not know survive reading and writing.

import { timingSafeEqual } from 'node:crypto';
import { fromHex, toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { type CryptConfig, parseFingerprint, shortFingerprint } from '../crypto/crypt-config.ts';
import { type BackupType, type CryptMode, cryptModes, isBackupType, isSafeId } from '../model/names.ts';
import { decodeBlob, encodeBlob } from './blob.ts';
import { canonicalJson, isJsonObject, parseJson, prettyJson } from './json.ts';

/** One file of the snapshot; further members, as found in the JSON, are kept. */
export interface ManifestFile {
  /** With `.fidx`, `.didx` or `.blob`. */
  filename: string;
  'crypt-mode': CryptMode;
  /** Bytes of content of an index, bytes of the stored file of a blob. */
  size: number;
  /** 64 hex digits: recomputed checksum of an index, SHA-256 of the stored file of a blob. */
  csum: string;
}

export interface Manifest {
  type: BackupType;
  id: string;
  /** Epoch seconds. */
  time: number;
  files: ManifestFile[];
  /** 64 hex digits; null when unsigned. */
  signature: string | null;
  /** Not covered by the signature. */
  unprotected: Record<string, unknown>;
  /** Unknown members of the signed part. */
  extra?: Record<string, unknown>;
}

/** Parses manifest JSON; throws `manifest-invalid` naming `what` and the member. */
export function parseManifest(bytes: Uint8Array, what: string): Manifest {
  const fail = (text: string) => new GranaryError('manifest-invalid', `${what}: ${text}`);
  const root = parseJson(bytes, fail);
  if (!isJsonObject(root)) throw fail('a manifest is a JSON object');
  const {
    'backup-type': type,
    'backup-id': id,
    'backup-time': time,
    files,
    signature = null,
    unprotected: unsigned,
    ...extra
  } = root;
  // Null is what clients in Go make of nothing.
  const unprotected = unsigned ?? {};
  if (typeof type !== 'string' || !isBackupType(type)) throw fail("'backup-type' is not vm, ct or host");
  if (typeof id !== 'string' || !isSafeId(id)) throw fail("'backup-id' is not a backup id");
  if (!isCount(time) || time < 1) throw fail("'backup-time' is not a time in epoch seconds");
  if (!Array.isArray(files)) throw fail("'files' is not an array");
  if (signature !== null && !isDigestHex(signature)) throw fail("'signature' is neither null nor 64 hex digits");
  if (!isJsonObject(unprotected)) throw fail("'unprotected' is not an object");
  const parsed = files.map((file, i) => parseFile(file, (text) => fail(`files[${i}]: ${text}`)));
  const names = new Set<string>();
  for (const { filename } of parsed) {
    if (names.has(filename)) throw fail(`'${filename}' is listed twice`);
    names.add(filename);
  }
  const manifest: Manifest = { type, id, time, files: parsed, signature, unprotected };
  return Object.keys(extra).length > 0 ? { ...manifest, extra } : manifest;
}

/** The stored text: pretty, sorted. */
export function serializeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const { signature, unprotected } = manifest;
  return new TextEncoder().encode(prettyJson({ ...signedPart(manifest), signature, unprotected }));
}

/** The bytes that the signature covers; throws `manifest-invalid` if they would contain a null. */
export function canonicalManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalJson(signedPart(manifest)));
}

/** A copy with signature and key fingerprint. */
export function signManifest(manifest: Manifest, crypt: CryptConfig): Manifest {
  return {
    ...manifest,
    signature: toHex(crypt.authTag(canonicalManifest(manifest))),
    unprotected: { ...manifest.unprotected, 'key-fingerprint': crypt.fingerprint },
  };
}

/** The fingerprint of the key that made the snapshot, in normal form; undefined without one. */
export function manifestKeyFingerprint(manifest: Manifest): string | undefined {
  const value = manifest.unprotected['key-fingerprint'];
  if (value === undefined || value === null) return undefined;
  const fingerprint = typeof value === 'string' ? parseFingerprint(value) : undefined;
  if (fingerprint === undefined) {
    throw new GranaryError('manifest-invalid', `${nameOf(manifest)}: 'key-fingerprint' is not a fingerprint`);
  }
  return fingerprint;
}

/** Throws `wrong-key` unless the snapshot can be used with this key, or without one (formats.md 8.5). */
export function checkManifestKey(manifest: Manifest, crypt: CryptConfig | undefined): void {
  const expected = manifestKeyFingerprint(manifest);
  if (expected === undefined || expected === crypt?.fingerprint) return;
  const needed = `${nameOf(manifest)} was made with key ${shortFingerprint(expected)}`;
  throw new GranaryError(
    'wrong-key',
    crypt ? `wrong key: ${needed}, not ${shortFingerprint(crypt.fingerprint)}` : `missing key: ${needed}`,
    { details: { expected, actual: crypt?.fingerprint } },
  );
}

/**
 * Checks key and signature; a manifest without signature passes. Throws `wrong-key` or `manifest-invalid`.
 * The signature covers the JSON as it was received, unknown members included.
 */
export function verifyManifest(manifest: Manifest, crypt: CryptConfig): void {
  if (manifest.signature === null) return;
  checkManifestKey(manifest, crypt);
  const stated = fromHex(manifest.signature, 32, 'manifest signature');
  if (!timingSafeEqual(stated, crypt.authTag(canonicalManifest(manifest)))) {
    throw new GranaryError('manifest-invalid', `${nameOf(manifest)}: the signature is wrong`);
  }
}

/** The stored file: a plain blob, compressed if that helps. */
export function encodeManifestBlob(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return encodeBlob(serializeManifest(manifest));
}

/** Opens and parses a stored manifest; throws `blob-invalid` or `manifest-invalid`. */
export function decodeManifestBlob(raw: Uint8Array, what: string): Manifest {
  return parseManifest(decodeBlob(raw, { what, expect: 'plain' }), what);
}

/** The entry of a file by its stored name. */
export function findFile(manifest: Manifest, stored: string): ManifestFile | undefined {
  return manifest.files.find((file) => file.filename === stored);
}

function signedPart(manifest: Manifest): Record<string, unknown> {
  return {
    ...manifest.extra,
    'backup-type': manifest.type,
    'backup-id': manifest.id,
    'backup-time': manifest.time,
    files: manifest.files,
  };
}

function parseFile(value: unknown, fail: (text: string) => GranaryError): ManifestFile {
  if (!isJsonObject(value)) throw fail('not an object');
  const { filename, 'crypt-mode': mode = 'none', size, csum } = value;
  if (typeof filename !== 'string' || !isSafeId(filename)) throw fail("'filename' is not a file name");
  if (!isCryptMode(mode)) throw fail(`'crypt-mode' of ${filename} is not one of ${cryptModes.join(', ')}`);
  if (!isCount(size)) throw fail(`'size' of ${filename} is not a number of bytes`);
  if (!isDigestHex(csum)) throw fail(`'csum' of ${filename} is not 64 lower-case hex digits`);
  return { ...value, filename, 'crypt-mode': mode, size, csum };
}

function nameOf(manifest: Manifest): string {
  return `manifest of ${manifest.type}/${manifest.id}`;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCryptMode(value: unknown): value is CryptMode {
  return (cryptModes as readonly unknown[]).includes(value);
}

function isDigestHex(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
