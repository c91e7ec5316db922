// The data blob container of chunks and of `.blob` files: four kinds, told apart by their magic (formats.md 3).
// Encoding never copies incompressible data before the last step; decoding hands out nothing unchecked.

import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { asBuffer, bytesEqual, concatBytes, freeBytes, toHex } from '../base/bytes.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { type CryptConfig, plainDigest } from '../crypto/crypt-config.ts';
import { decompress, decompressInto } from './zstd.ts';
import { compress } from './zstd-compress.ts';

export const plainHeaderSize = 12;
export const encryptedHeaderSize = 44;
/** Largest content that an encoder takes and that a decoder gives by default. */
export const maxBlobContent = 128 * 1024 * 1024;

const crcOffset = 8;
const ivOffset = 12;
const ivSize = 16;
const tagOffset = 28;
const tagSize = 16;

/** SHA-256 prefixes of the labels that `blob.test.ts` recomputes. */
export const blobMagics = {
  plain: Uint8Array.of(0x42, 0xab, 0x38, 0x07, 0xbe, 0x83, 0x70, 0xa1),
  compressed: Uint8Array.of(0x31, 0xb9, 0x58, 0x42, 0x6f, 0xb6, 0xa3, 0x7f),
  encrypted: Uint8Array.of(0x7b, 0x67, 0x85, 0xbe, 0x22, 0x2d, 0x4c, 0xf0),
  encryptedCompressed: Uint8Array.of(0xe6, 0x59, 0x1b, 0xbf, 0x0b, 0xbf, 0xd8, 0x0b),
} as const;

const kinds = [
  { magic: blobMagics.plain, encrypted: false, compressed: false, headerSize: plainHeaderSize },
  { magic: blobMagics.compressed, encrypted: false, compressed: true, headerSize: plainHeaderSize },
  { magic: blobMagics.encrypted, encrypted: true, compressed: false, headerSize: encryptedHeaderSize },
  { magic: blobMagics.encryptedCompressed, encrypted: true, compressed: true, headerSize: encryptedHeaderSize },
] as const;
type BlobKind = (typeof kinds)[number];

export interface EncodeOptions {
  /** Default true; the compressed form is kept only if it is smaller, and not tried if samples say that it is not. */
  compress?: boolean;
  /** zstd level, default 1. */
  level?: number;
  /** Encrypts when given. */
  crypt?: CryptConfig;
  /** 16 bytes; random by default. Never use one twice with the same key. */
  iv?: Uint8Array;
  /** False for a chunk to be uploaded: the server writes the CRC, whatever the client sends (formats.md 4.3). */
  crc?: boolean;
}

export interface BlobParts {
  /** 12 or 44 bytes. */
  header: Uint8Array<ArrayBuffer>;
  /** What follows the header: a view of the input if it is stored as it is, else new bytes, compressed ones at the start of a larger buffer. */
  body: Uint8Array;
}

/**
 * Encodes without joining header and body, so that incompressible data goes out without a copy.
 * Throws `bad-request` above 128 MiB of content.
 */
export function encodeBlobParts(data: Uint8Array, options: EncodeOptions = {}): BlobParts {
  if (data.byteLength > maxBlobContent) {
    throw new GranaryError(
      'bad-request',
      `blob content of ${data.byteLength} bytes is larger than ${maxBlobContent} bytes`,
    );
  }
  const packed = options.compress === false ? undefined : compress(data, options.level ?? 1);
  const content = packed ?? data;
  const compressed = packed !== undefined;
  if (!options.crypt) return { header: blobHeader({ compressed, crc: crcOf(content, options) }), body: content };
  const parts = encryptParts(content, compressed, options.crypt, options);
  if (packed) freeBytes(packed);
  return parts;
}

function crcOf(body: Uint8Array, { crc }: EncodeOptions): number {
  return crc === false ? 0 : crc32(body);
}

function encryptParts(
  content: Uint8Array,
  compressed: boolean,
  crypt: CryptConfig,
  options: EncodeOptions = {},
): BlobParts {
  const iv = options.iv ?? randomFillSync(new Uint8Array(ivSize));
  const cipher = createCipheriv('aes-256-gcm', crypt.encKey, iv, { authTagLength: tagSize });
  const body = cipher.update(content);
  cipher.final();
  const seal = { iv, tag: cipher.getAuthTag() };
  return { header: blobHeader({ compressed, crc: crcOf(body, options), seal }), body };
}

/** Encodes to a whole container in memory of its own. */
export function encodeBlob(data: Uint8Array, options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
  const { header, body } = encodeBlobParts(data, options);
  return concatBytes([header, body]);
}

/**
 * Encodes into `target`, which may be a view of shared memory and has to have room for the content and
 * 44 bytes; returns the container's length. `target` and `data` must not overlap.
 */
export function encodeBlobInto(target: Uint8Array, data: Uint8Array, options: EncodeOptions = {}): number {
  if (target.byteLength < data.byteLength + encryptedHeaderSize) {
    throw new GranaryError(
      'internal',
      `no room to encode ${data.byteLength} bytes of blob content into ${target.byteLength}`,
    );
  }
  const { header, body } = encodeBlobParts(data, options);
  target.set(header);
  target.set(body, header.byteLength);
  return header.byteLength + body.byteLength;
}

/** A container's header from its parts; the magic follows from them. `crc` covers what comes after the header. */
export function blobHeader(o: {
  compressed: boolean;
  crc: number;
  seal?: { iv: Uint8Array; tag: Uint8Array };
}): Uint8Array<ArrayBuffer> {
  const kind = kinds.find((k) => k.encrypted === (o.seal !== undefined) && k.compressed === o.compressed)!;
  const header = new Uint8Array(kind.headerSize);
  header.set(kind.magic);
  writeBlobCrc(header, o.crc);
  if (o.seal) {
    header.set(o.seal.iv, ivOffset);
    header.set(o.seal.tag, tagOffset);
  }
  return header;
}

/** Overwrites the CRC field of a container: a server does so with each uploaded chunk (formats.md 4.3). */
export function writeBlobCrc(raw: Uint8Array, crc: number): void {
  asBuffer(raw).writeUInt32LE(crc, crcOffset);
}

export interface BlobInfo {
  encrypted: boolean;
  compressed: boolean;
  headerSize: 12 | 44;
  /** As stored. */
  crc: number;
  /** Of the bytes after the header; the container is sound if it equals `crc`. */
  computedCrc: number;
}

/**
 * Checks the structure of a container and computes its CRC, without comparing it.
 * Throws `blob-invalid` with the protocol's texts; `what` is put in front unless it is empty.
 */
export function blobInfo(raw: Uint8Array, what: string): BlobInfo {
  const { encrypted, compressed, headerSize } = blobKind(raw, what);
  return {
    encrypted,
    compressed,
    headerSize,
    crc: asBuffer(raw).readUInt32LE(crcOffset),
    computedCrc: crc32(raw.subarray(headerSize)),
  };
}

/** Throws `blob-invalid` unless the structure and the CRC of a container are right. */
export function checkBlob(raw: Uint8Array, what: string): BlobInfo {
  const info = blobInfo(raw, what);
  if (info.crc !== info.computedCrc) {
    throw invalid(what, 'Data blob has wrong CRC checksum.', { stored: info.crc, computed: info.computedCrc });
  }
  return info;
}

/** Whether the bytes start like a data blob of any kind. */
export function isBlob(bytes: Uint8Array): boolean {
  return bytes.byteLength >= plainHeaderSize && findKind(bytes) !== undefined;
}

/** Whether the bytes start like a data blob that is compressed. */
export function isCompressed(bytes: Uint8Array): boolean {
  return bytes.byteLength >= plainHeaderSize && (findKind(bytes)?.compressed ?? false);
}

export interface DecodeOptions {
  /** Put in front of every error text: `chunk 12ab...`, a file name; empty for the protocol's bare texts. */
  what: string;
  /** Opens encrypted containers. */
  crypt?: CryptConfig;
  /** Most bytes of content to accept, default 128 MiB. */
  maxSize?: number;
  /** Expected digest of the content; keyed if the container is encrypted. */
  digest?: Uint8Array;
  /** Expected length of the content. */
  size?: number;
  /** Refuses the other kind: a file's crypt mode decides which is right (formats.md 2.6). */
  expect?: 'plain' | 'encrypted';
  /** True for a chunk that is just being uploaded: its CRC is the server's to write. */
  ignoreCrc?: boolean;
  /** Memory as long as the content should be, apart from `raw`: what is decompressed is put there if it fits exactly. */
  room?: Uint8Array;
}

/**
 * Checks and opens a container; the result may be a view of `raw`, or `room`. Order of checks: structure, CRC, kind,
 * tag, compressed data, digest, size. Throws `blob-invalid`, `digest-mismatch`, or `wrong-key` when a key is missing.
 *
 * Content that has its digest is right, and its CRC is not looked at: it only tells what is wrong when something is.
 */
export function decodeBlob(raw: Uint8Array, options: DecodeOptions): Uint8Array {
  const { what } = options;
  if (options.ignoreCrc) return openBlob(raw, blobKind(raw, what), options);
  if (!options.digest) return openBlob(raw, checkBlob(raw, what), options);
  try {
    return openBlob(raw, blobKind(raw, what), options);
  } catch (error) {
    checkBlob(raw, what);
    throw error;
  }
}

function openBlob(
  raw: Uint8Array,
  { encrypted, compressed, headerSize }: Pick<BlobInfo, 'encrypted' | 'compressed' | 'headerSize'>,
  options: DecodeOptions,
): Uint8Array {
  const { what } = options;
  if (options.expect !== undefined && encrypted !== (options.expect === 'encrypted')) {
    throw invalid(what, encrypted ? 'is encrypted, but has to be plain' : 'is plain, but has to be encrypted');
  }
  const stored = encrypted ? decrypt(raw, options.crypt, what) : raw.subarray(headerSize);
  const content = openContent(stored, { encrypted, compressed }, options);
  if (encrypted && content !== stored) freeBytes(stored);
  return content;
}

/**
 * Takes the encryption off a container, and leaves what is compressed compressed. Checks and throws as `decodeBlob` does;
 * one that is not encrypted is refused. `digest` is what names the plain content.
 */
export function unsealBlob(
  raw: Uint8Array,
  options: DecodeOptions & { crypt: CryptConfig },
): BlobParts & { digest: Uint8Array } {
  const { what, crypt } = options;
  const { encrypted, compressed } = checkBlob(raw, what);
  if (!encrypted) throw invalid(what, 'is plain, but has to be encrypted');
  const body = decrypt(raw, crypt, what);
  const content = openContent(body, { encrypted, compressed }, options);
  const digest = plainDigest(content);
  if (content !== body) freeBytes(content);
  return { header: blobHeader({ compressed, crc: crc32(body) }), body, digest };
}

/**
 * Encrypts a plain container, and leaves what is compressed compressed. Checks and throws as `decodeBlob` does; one that
 * is encrypted is refused. `digest` is what names the encrypted content.
 */
export function sealBlob(
  raw: Uint8Array,
  options: DecodeOptions & { crypt: CryptConfig },
): BlobParts & { digest: Uint8Array } {
  const { what, crypt } = options;
  const { encrypted, compressed, headerSize } = checkBlob(raw, what);
  if (encrypted) throw invalid(what, 'is encrypted, but has to be plain');
  const stored = raw.subarray(headerSize);
  const content = openContent(stored, { encrypted, compressed }, options);
  const digest = crypt.digest(content);
  if (content !== stored) freeBytes(content);
  return { ...encryptParts(stored, compressed, crypt), digest };
}

/** Decompresses what a container holds, and checks the content. */
function openContent(
  stored: Uint8Array,
  { encrypted, compressed }: Pick<BlobInfo, 'encrypted' | 'compressed'>,
  options: DecodeOptions,
): Uint8Array {
  const { what } = options;
  let content = stored;
  const maxSize = options.maxSize ?? maxBlobContent;
  if (compressed) content = unpack(stored, maxSize, options);
  else if (content.byteLength > maxSize) throw tooLarge(what, maxSize);
  if (options.digest) {
    const actual = encrypted && options.crypt ? options.crypt.digest(content) : plainDigest(content);
    if (!bytesEqual(actual, options.digest)) {
      throw new GranaryError('digest-mismatch', withWhat(what, 'detected chunk with wrong digest.'), {
        details: { expected: toHex(options.digest), actual: toHex(actual) },
      });
    }
  }
  if (options.size !== undefined && content.byteLength !== options.size) {
    throw invalid(what, `detected chunk with wrong length (${options.size} != ${content.byteLength})`);
  }
  return content;
}

function findKind(raw: Uint8Array): BlobKind | undefined {
  const magic = raw.subarray(0, 8);
  return kinds.find((kind) => bytesEqual(kind.magic, magic));
}

function blobKind(raw: Uint8Array, what: string): BlobKind {
  if (raw.byteLength < plainHeaderSize) throw invalid(what, `blob too small (${raw.byteLength} bytes).`);
  const kind = findKind(raw);
  if (!kind) throw invalid(what, 'unable to parse raw blob - wrong magic', { magic: toHex(raw.subarray(0, 8)) });
  if (raw.byteLength < kind.headerSize) {
    throw invalid(what, `encrypted blob too small (${raw.byteLength} bytes).`);
  }
  return kind;
}

function decrypt(raw: Uint8Array, crypt: CryptConfig | undefined, what: string): Uint8Array {
  if (!crypt) throw new GranaryError('wrong-key', withWhat(what, 'is encrypted, and there is no key to open it'));
  const iv = raw.subarray(ivOffset, ivOffset + ivSize);
  const decipher = createDecipheriv('aes-256-gcm', crypt.encKey, iv, { authTagLength: tagSize });
  decipher.setAuthTag(raw.subarray(tagOffset, tagOffset + tagSize));
  const content = decipher.update(raw.subarray(encryptedHeaderSize));
  try {
    decipher.final();
  } catch (error) {
    throw invalid(what, 'cannot be decrypted: the key is wrong or the data was changed', {}, error);
  }
  return content;
}

/** Decompresses at most `maxSize` bytes. */
function unpack(packed: Uint8Array, maxSize: number, { size, what, room }: DecodeOptions): Uint8Array {
  if (room && room.byteLength === (size ?? room.byteLength) && room.byteLength <= maxSize) {
    if (decompressInto(room, packed)) return room;
  }
  try {
    return decompress(packed, maxSize, size);
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(what, maxSize);
    throw invalid(what, `compressed data is damaged: ${messageOf(error)}`, {}, error);
  }
}

function tooLarge(what: string, maxSize: number): GranaryError {
  return invalid(what, `content is larger than ${maxSize} bytes`);
}

function withWhat(what: string, text: string): string {
  return what === '' ? text : `${what}: ${text}`;
}

function invalid(what: string, text: string, details: Record<string, unknown> = {}, cause?: unknown): GranaryError {
  return new GranaryError('blob-invalid', withWhat(what, text), { details, cause });
}
