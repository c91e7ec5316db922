// What a reader's threads do with a downloaded chunk in shared memory: every check, decryption, decompression, and
// on demand the write to its place in a file.

import { writeSync } from 'node:fs';
import { copyBytes, freeBytes } from '../base/bytes.ts';
import { isErrno, withContext } from '../base/errors.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { decodeBlob } from '../format/blob.ts';
import { directAlignment } from '../os/direct-flag.ts';

/** Less than this is not worth waiting for the device. */
const leastDirect = 64 * 1024;
const wasmPage = 64 * 1024;

export interface DecodeWorkerInit {
  buffer: SharedArrayBuffer;
  encKey?: Uint8Array;
}

interface Context {
  buffer: SharedArrayBuffer;
  crypt: CryptConfig | undefined;
  /** Memory at a page boundary, for what is decompressed to be written, and for direct writes. */
  aligned: WebAssembly.Memory | undefined;
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
  return { buffer: init.buffer, crypt: init.encKey && CryptConfig.fromKey(init.encKey), aligned: undefined };
}

/**
 * Checks and opens the chunk; returns where in the shared memory its content begins: at `room`, which has so many bytes
 * for what is decompressed, or where the chunk lies.
 */
export function decode(context: Context, chunk: RawChunk, room?: number): number {
  const content = open(context, chunk, room === undefined ? undefined : bytesAt(context, room, chunk.size));
  if (content.buffer === context.buffer) return content.byteOffset;
  copyBytes(new Uint8Array(context.buffer, chunk.offset, content.byteLength), content);
  freeBytes(content);
  return chunk.offset;
}

/** An open file; `direct` is another descriptor of it, opened with O_DIRECT. */
export interface WritableFile {
  fd: number;
  direct?: number;
}

/** Checks and opens the chunk, and writes its content at `position` of a file. */
export function decodeTo(context: Context, chunk: RawChunk, { fd, direct }: WritableFile, position: number): void {
  const content = open(context, chunk, alignedRoom(context, chunk.size));
  try {
    const done = direct === undefined ? 0 : writeDirect(context, direct, content, position);
    writeAll(fd, content.subarray(done), position + done);
    if (content.buffer !== context.aligned?.buffer) freeBytes(content);
  } catch (error) {
    throw withContext(`${chunk.what} cannot be written`, error);
  }
}

/** Writes zeros at `position` of an open file. */
export function writeZeros(_: Context, fd: number, position: number, length: number): void {
  writeAll(fd, new Uint8Array(length), position);
}

function open(context: Context, chunk: RawChunk, room: Uint8Array | undefined): Uint8Array {
  const { offset, length, digest, size, expect, what } = chunk;
  const options = { what, crypt: context.crypt, digest, size, expect, maxSize: size, ...(room ? { room } : {}) };
  return decodeBlob(bytesAt(context, offset, length), options);
}

function bytesAt({ buffer }: Context, offset: number, length: number): Uint8Array {
  return new Uint8Array(buffer, offset, length);
}

/** The thread's own memory at a page boundary: what it held before is gone. */
function alignedRoom(context: Context, length: number): Uint8Array {
  if (context.aligned === undefined || context.aligned.buffer.byteLength < length) {
    context.aligned = new WebAssembly.Memory({ initial: Math.ceil(length / wasmPage) });
  }
  return new Uint8Array(context.aligned.buffer, 0, length);
}

/** Writes the whole blocks of `bytes` past the page cache; returns how many bytes are written, 0 if that is refused. */
function writeDirect(context: Context, fd: number, bytes: Uint8Array, position: number): number {
  const length = bytes.byteLength - (bytes.byteLength % directAlignment);
  if (position % directAlignment !== 0 || length < leastDirect) return 0;
  const room = alignedRoom(context, length);
  if (bytes.buffer !== room.buffer) copyBytes(room, bytes.subarray(0, length));
  let done = 0;
  try {
    while (done < length) done += writeSync(fd, room, done, length - done, position + done);
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error;
  }
  return done;
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at, bytes.byteLength - at, position + at);
}
