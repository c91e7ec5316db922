// What a reader's threads do with a downloaded chunk in shared memory: every check, decryption, decompression, and
// on demand the write to its place in a file.

import { writeSync } from 'node:fs';
import { copyBytes, freeBytes } from '../base/bytes.ts';
import { withContext } from '../base/errors.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { decodeBlob } from '../format/blob.ts';

export interface DecodeWorkerInit {
  buffer: SharedArrayBuffer;
  encKey?: Uint8Array;
}

interface Context {
  buffer: SharedArrayBuffer;
  crypt: CryptConfig | undefined;
}

/** A container in the shared memory and what has to be in it. */
export interface RawChunk {
  offset: number;
  length: number;
  digest: Uint8Array;
  size: number;
  expect: 'plain' | 'encrypted';
  /** Put in front of error texts. */
  what: string;
}

export function setup(init: DecodeWorkerInit): Context {
  return { buffer: init.buffer, crypt: init.encKey && CryptConfig.fromKey(init.encKey) };
}

/** Checks and opens the chunk where it lies; returns where in the shared memory its content begins. */
export function decode(context: Context, chunk: RawChunk): number {
  const content = open(context, chunk);
  if (content.buffer === context.buffer) return content.byteOffset;
  copyBytes(new Uint8Array(context.buffer, chunk.offset, content.byteLength), content);
  freeBytes(content);
  return chunk.offset;
}

/** Checks and opens the chunk, and writes its content at `position` of an open file. */
export function decodeTo(context: Context, chunk: RawChunk, fd: number, position: number): void {
  const content = open(context, chunk);
  try {
    writeAll(fd, content, position);
    freeBytes(content);
  } catch (error) {
    throw withContext(`${chunk.what} cannot be written`, error);
  }
}

/** Writes zeros at `position` of an open file. */
export function writeZeros(_: Context, fd: number, position: number, length: number): void {
  writeAll(fd, new Uint8Array(length), position);
}

function open({ buffer, crypt }: Context, { offset, length, digest, size, expect, what }: RawChunk): Uint8Array {
  const raw = new Uint8Array(buffer, offset, length);
  return decodeBlob(raw, { what, crypt, digest, size, expect, maxSize: size });
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at, bytes.byteLength - at, position + at);
}
