// What the threads of a pull that decrypts do with a chunk in shared memory: every check, then the plain container in
// its place.

import { copyBytes, freeBytes } from '../base/bytes.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { unsealBlob } from '../format/blob.ts';
import { maxChunkSize } from '../model/names.ts';

export interface DecryptWorkerInit {
  buffer: SharedArrayBuffer;
  /** 32 bytes each. */
  encKeys: readonly Uint8Array[];
}

interface Context {
  buffer: SharedArrayBuffer;
  keys: readonly CryptConfig[];
}

/** An encrypted container in the shared memory, and what has to be in it. */
export interface SealedChunk {
  offset: number;
  length: number;
  digest: Uint8Array;
  size: number;
  /** Position in the list of keys. */
  key: number;
}

/** The plain container, which lies where the encrypted one was. */
export interface UnsealedChunk {
  length: number;
  digest: Uint8Array;
}

export function setup({ buffer, encKeys }: DecryptWorkerInit): Context {
  return { buffer, keys: encKeys.map((key) => CryptConfig.fromKey(key)) };
}

export function unseal({ buffer, keys }: Context, { offset, length, digest, size, key }: SealedChunk): UnsealedChunk {
  const room = new Uint8Array(buffer, offset, length);
  const {
    header,
    body,
    digest: plain,
  } = unsealBlob(room, {
    what: '',
    crypt: keys[key]!,
    maxSize: maxChunkSize,
    digest,
    size,
  });
  room.set(header);
  copyBytes(room, body, header.byteLength);
  const unsealed = { length: header.byteLength + body.byteLength, digest: plain };
  freeBytes(body);
  return unsealed;
}
