// What the upload engine's threads do with a chunk in shared memory: its digest, and its encoding in place.

import { createHash, hash } from 'node:crypto';
import { copyBytes, freeBytes } from '../../base/bytes.ts';
import { CryptConfig } from '../../crypto/crypt-config.ts';
import { encodeBlobParts } from '../../format/blob.ts';

export interface UploadWorkerInit {
  buffer: SharedArrayBuffer;
  /** 32 bytes: encrypt, and make keyed digests. */
  encKey?: Uint8Array;
  compress: boolean;
  level: number;
}

interface Context {
  init: UploadWorkerInit;
  crypt: CryptConfig | undefined;
}

export interface EncodedChunk {
  /** 12 or 44 bytes. */
  header: Uint8Array;
  /** The rest of the container lies where the chunk began, in so many bytes. */
  length: number;
}

export function setup(init: UploadWorkerInit): Context {
  return { init, crypt: init.encKey && CryptConfig.fromKey(init.encKey) };
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
  const { header, body } = encodeBlobParts(data, { compress: init.compress, level: init.level, crypt });
  const encoded = { header, length: body.byteLength };
  if (body.buffer !== init.buffer) {
    copyBytes(data, body);
    freeBytes(body);
  }
  return encoded;
}
