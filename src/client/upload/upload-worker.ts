// What the upload engine's threads do in shared memory: they look for cuts, and make a chunk's digest and its encoding
// in place.

import { createHash, hash } from 'node:crypto';
import { copyBytes, freeBytes } from '../../base/bytes.ts';
import { type FoundCuts, findCuts, ScannerProgram, scannerThreads } from '../../chunker/simd-scanner.ts';
import { CryptConfig } from '../../crypto/crypt-config.ts';
import { encodeBlobParts } from '../../format/blob.ts';

export interface UploadWorkerInit {
  memory: WebAssembly.Memory;
  buffer: SharedArrayBuffer;
  /** Numbers of the scanner that were given out, a 32-bit integer; the main thread's is 0. */
  scanners: SharedArrayBuffer;
  /** 32 bytes: encrypt, and make keyed digests. */
  encKey?: Uint8Array;
  compress: boolean;
  level: number;
}

interface Context {
  init: UploadWorkerInit;
  crypt: CryptConfig | undefined;
  scanner: ScannerProgram | undefined;
}

export interface EncodedChunk {
  /** 12 or 44 bytes. */
  header: Uint8Array;
  /** The rest of the container lies where the chunk began, in so many bytes. */
  length: number;
}

export interface ScanTask {
  from: number;
  /** Shared, one number: the address up to which cuts are asked for, while more bytes come. */
  filled: Uint32Array;
  mask: number;
  /** Bytes behind each cut that are passed over. */
  skipped: number;
}

export function setup(init: UploadWorkerInit): Context {
  return { init, crypt: init.encKey && CryptConfig.fromKey(init.encKey), scanner: undefined };
}

/** What `findCuts` says. */
export function scan(context: Context, { from, filled, mask, skipped }: ScanTask): FoundCuts {
  context.scanner ??= makeScanner(context.init);
  if (!context.scanner) return { from, to: from, cuts: [], skipped };
  return findCuts(context.scanner, { from, to: () => Atomics.load(filled, 0) }, mask, skipped);
}

/** Undefined when there were so many threads, one after the other, that the scanner has no number left. */
function makeScanner({ memory, scanners }: UploadWorkerInit): ScannerProgram | undefined {
  const number = Atomics.add(new Int32Array(scanners), 0, 1) + 1;
  return number < scannerThreads ? new ScannerProgram(memory, number) : undefined;
}

/** The digest that names the chunk: SHA-256, keyed when encrypting. */
export function digest({ init, crypt }: Context, offset: number, length: number): Uint8Array {
  const data = new Uint8Array(init.buffer, offset, length);
  if (crypt) return new Uint8Array(createHash('sha256').update(data).update(crypt.idKey).digest());
  return new Uint8Array(hash('sha256', data, 'buffer'));
}

/**
 * Encodes the chunk: its container never is longer than header and content, so the body replaces the content, which
 * nobody needs any more. What does not compress stays where it is.
 */
export function encode({ init, crypt }: Context, offset: number, length: number): EncodedChunk {
  const data = new Uint8Array(init.buffer, offset, length);
  const { header, body } = encodeBlobParts(data, { compress: init.compress, level: init.level, crypt, crc: false });
  const encoded = { header, length: body.byteLength };
  if (body.buffer !== init.buffer) {
    copyBytes(data, body);
    freeBytes(body);
  }
  return encoded;
}
