// Opens the containers of chunks and blobs (formats.md 3). Nothing is given out that has not passed CRC, tag and, where
// they are known, digest and size.

import { Decompress, decompress } from 'fzstd';
import { type Bytes, concat, crc32, same, sha256, toHex } from './bytes.ts';
import { type Key, KeyError } from './key.ts';

/** What the server sent is damaged, or not what the snapshot names. */
export class DamageError extends Error {}

const kinds = [
  { magic: [0x42, 0xab, 0x38, 0x07, 0xbe, 0x83, 0x70, 0xa1], encrypted: false, compressed: false },
  { magic: [0x31, 0xb9, 0x58, 0x42, 0x6f, 0xb6, 0xa3, 0x7f], encrypted: false, compressed: true },
  { magic: [0x7b, 0x67, 0x85, 0xbe, 0x22, 0x2d, 0x4c, 0xf0], encrypted: true, compressed: false },
  { magic: [0xe6, 0x59, 0x1b, 0xbf, 0x0b, 0xbf, 0xd8, 0x0b], encrypted: true, compressed: true },
];
const maxContent = 128 * 1024 * 1024;

export interface OpenOptions {
  /** Named in errors. */
  what: string;
  /** Needed for what is encrypted. */
  key?: Key;
  /** What the content's digest has to be; keyed if it is encrypted. */
  digest?: Uint8Array;
  /** What the content's length has to be. */
  size?: number;
  /** Refuses the other kind. */
  encrypted?: boolean;
}

/** Whether the bytes are a container rather than what is in one. */
export function isBlob(raw: Uint8Array): boolean {
  return kindOf(raw) !== undefined;
}

const kindOf = (raw: Uint8Array) => kinds.find(({ magic }) => magic.every((byte, i) => raw[i] === byte));

/** Throws `DamageError`, or `KeyError` where the key is missing or another. */
export async function openBlob(raw: Uint8Array, options: OpenOptions): Promise<Bytes> {
  const { what, key } = options;
  const kind = kindOf(raw);
  const headerSize = kind?.encrypted ? 44 : 12;
  if (kind === undefined || raw.byteLength < headerSize) throw new DamageError(`${what}: this is no data blob`);
  const stored = raw.slice(headerSize);
  const crc = new DataView(raw.buffer, raw.byteOffset).getUint32(8, true);
  if (crc !== crc32(stored)) throw new DamageError(`${what}: wrong CRC checksum`);
  if (options.encrypted !== undefined && options.encrypted !== kind.encrypted) {
    throw new DamageError(`${what}: is ${kind.encrypted ? 'encrypted' : 'plain'}, which does not fit the manifest`);
  }
  let content: Bytes = stored;
  if (kind.encrypted) {
    if (key === undefined) throw new KeyError(`${what} is encrypted: its key is needed`);
    const opened = await key.open(raw.slice(12, 28), raw.slice(28, 44), stored);
    if (opened === undefined) {
      throw new KeyError(`${what} cannot be opened with the key ${key.fingerprint}: another key, or it is damaged`);
    }
    content = opened;
  }
  if (kind.compressed) content = unzstd(content, options.size, what);
  if (content.byteLength > maxContent) throw new DamageError(`${what}: is larger than ${maxContent} bytes`);
  if (options.size !== undefined && content.byteLength !== options.size) {
    throw new DamageError(`${what}: has ${content.byteLength} bytes, not ${options.size}`);
  }
  if (options.digest !== undefined) {
    const actual = kind.encrypted ? await key!.digest(content) : await sha256(content);
    if (!same(actual, options.digest)) throw new DamageError(`${what}: its content has digest ${toHex(actual)}`);
  }
  return content;
}

/** Never more memory than the size that is known, or 128 MiB, whatever the frame claims. */
function unzstd(packed: Bytes, size: number | undefined, what: string): Bytes {
  if (windowSize(packed) > maxContent) throw new DamageError(`${what}: its compressed data asks for too much memory`);
  try {
    if (size !== undefined) return decompress(packed, new Uint8Array(size)) as Bytes;
    const parts: Uint8Array[] = [];
    let length = 0;
    const stream = new Decompress((part) => {
      length += part.byteLength;
      if (length > maxContent) throw new Error('too long');
      parts.push(part.slice());
    });
    stream.push(packed, true);
    return concat(...parts);
  } catch (error) {
    throw new DamageError(`${what}: damaged compressed data (${(error as Error).message})`);
  }
}

/** What the first frame's header says that a reader has to keep; 0 where it says nothing (RFC 8878, 3.1.1.1). */
function windowSize(frame: Uint8Array): number {
  const flags = frame[4] ?? 0;
  const isSingle = (flags & 0x20) !== 0;
  if (!isSingle) {
    const window = frame[5] ?? 0;
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  const length = [1, 2, 4, 8][flags >> 6]!;
  let size = flags >> 6 === 1 ? 256 : 0;
  const from = 5 + [0, 1, 2, 4][flags & 3]!;
  for (let i = 0; i < length; i++) size += (frame[from + i] ?? 0) * 2 ** (8 * i);
  return size;
}
