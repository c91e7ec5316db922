// What the threads of a run that decrypts or encrypts do with a chunk in shared memory: every check, then the other
// container in its place.

import { copyBytes, freeBytes } from '../base/bytes.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { type BlobParts, sealBlob, unsealBlob } from '../format/blob.ts';
import { maxChunkSize } from '../model/names.ts';

/** By how much a container grows when it is encrypted, bytes. */
export const sealGrowth = 32;

export interface CryptWorkerInit {
  buffer: SharedArrayBuffer;
  /** 32 bytes each. */
  encKeys: readonly Uint8Array[];
}

interface Context {
  buffer: SharedArrayBuffer;
  keys: readonly CryptConfig[];
}

/** A container in the shared memory, and what has to be in it. */
export interface ChunkToTurn {
  offset: number;
  length: number;
  digest: Uint8Array;
  size: number;
  /** Position in the list of keys. */
  key: number;
}

/** The other container, which lies where the first one was, and what it is called. */
export interface TurnedChunk {
  length: number;
  digest: Uint8Array;
}

export function setup({ buffer, encKeys }: CryptWorkerInit): Context {
  return { buffer, keys: encKeys.map((key) => CryptConfig.fromKey(key)) };
}

/** Takes the encryption off. */
export function unseal(context: Context, chunk: ChunkToTurn): TurnedChunk {
  return turn(context, chunk, unsealBlob);
}

/** Encrypts. There has to be room for `sealGrowth` bytes more. */
export function seal(context: Context, chunk: ChunkToTurn): TurnedChunk {
  return turn(context, chunk, sealBlob);
}

function turn(
  { buffer, keys }: Context,
  { offset, length, digest, size, key }: ChunkToTurn,
  how: typeof sealBlob,
): TurnedChunk {
  const raw = new Uint8Array(buffer, offset, length);
  const turned = how(raw, { what: '', crypt: keys[key]!, maxSize: maxChunkSize, digest, size });
  const place = new Uint8Array(buffer, offset, lengthOf(turned));
  place.set(turned.header);
  copyBytes(place, turned.body, turned.header.byteLength);
  freeBytes(turned.body);
  return { length: place.byteLength, digest: turned.digest };
}

function lengthOf({ header, body }: BlobParts): number {
  return header.byteLength + body.byteLength;
}
