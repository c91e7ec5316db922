// Header compression of HTTP/2 (RFC 7541). Encoding uses the static table only, so that it has no state; decoding takes
// whatever a peer may send.

import { GranaryError } from '../base/errors.ts';
import { errorCode } from './h2-frames.ts';
import { decodeHuffman } from './huffman.ts';

export type HeaderField = readonly [name: string, value: string];

/** RFC 7541 appendix A, from index 1 on. */
const staticTable: readonly HeaderField[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    'accept-language',
    'accept-ranges',
    'accept',
    'access-control-allow-origin',
    'age',
    'allow',
    'authorization',
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-length',
    'content-location',
    'content-range',
    'content-type',
    'cookie',
    'date',
    'etag',
    'expect',
    'expires',
    'from',
    'host',
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
    'last-modified',
    'link',
    'location',
    'max-forwards',
    'proxy-authenticate',
    'proxy-authorization',
    'range',
    'referer',
    'refresh',
    'retry-after',
    'server',
    'set-cookie',
    'strict-transport-security',
    'transfer-encoding',
    'user-agent',
    'vary',
    'via',
    'www-authenticate',
  ].map((name): HeaderField => [name, '']),
];

/** The table size that both sides start with; neither of ours ever announces another. */
const defaultTableSize = 4096;
/** What one entry counts in the dynamic table beside its name and value. */
const entryOverhead = 32;
/** Most bytes of names and values in one header block: small enough to bound what a peer can make us hold. */
const maxHeaderList = 256 * 1024;

/** The block of these fields: indexed where the static table has the field, else literal, never Huffman-coded. */
export function encodeHeaders(fields: readonly HeaderField[]): Buffer {
  const out: Buffer[] = [];
  for (const [name, value] of fields) {
    const whole = staticTable.findIndex((field) => field[0] === name && field[1] === value);
    if (whole >= 0) {
      out.push(encodeInteger(0x80, 7, whole + 1));
      continue;
    }
    const named = staticTable.findIndex((field) => field[0] === name);
    out.push(encodeInteger(0, 4, named + 1));
    if (named < 0) out.push(encodeString(name));
    out.push(encodeString(value));
  }
  return Buffer.concat(out);
}

/** An instruction that the encoder's dynamic table (which is not used) is now of size 0. */
export const emptyTableUpdate: Buffer = Buffer.of(0x20);

function encodeInteger(flags: number, prefix: number, value: number): Buffer {
  const most = 2 ** prefix - 1;
  if (value < most) return Buffer.of(flags | value);
  const out = [flags | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
  return Buffer.from(out);
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([encodeInteger(0, 7, bytes.length), bytes]);
}

/** Decodes the header blocks of one connection, in the order in which they came: the dynamic table is shared. */
export class HpackDecoder {
  /** Newest first. */
  readonly #dynamic: HeaderField[] = [];
  #size = 0;
  #limit = defaultTableSize;

  /** The fields of a whole block; throws `protocol` when it is malformed, after which the connection is unusable. */
  decode(block: Uint8Array): HeaderField[] {
    const reader = new BlockReader(block);
    const fields: HeaderField[] = [];
    let total = 0;
    while (!reader.done) {
      const first = reader.peek();
      if (first >= 0x20 && first < 0x40) {
        if (fields.length > 0) throw malformed('table size update behind a field');
        this.#resize(reader.integer(5));
        continue;
      }
      const field = this.#field(reader, first);
      total += field[0].length + field[1].length + entryOverhead;
      if (total > maxHeaderList) throw malformed(`more than ${maxHeaderList} bytes of headers`);
      fields.push(field);
    }
    return fields;
  }

  #field(reader: BlockReader, first: number): HeaderField {
    if (first >= 0x80) return this.#lookUp(reader.integer(7));
    const indexed = first >= 0x40;
    const index = reader.integer(indexed ? 6 : 4);
    const name = index > 0 ? this.#lookUp(index)[0] : reader.string();
    const field: HeaderField = [name, reader.string()];
    if (indexed) this.#insert(field);
    return field;
  }

  #lookUp(index: number): HeaderField {
    const field = index <= staticTable.length ? staticTable[index - 1] : this.#dynamic[index - staticTable.length - 1];
    if (!field) throw malformed(`no field has index ${index}`);
    return field;
  }

  #insert(field: HeaderField): void {
    this.#dynamic.unshift(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #resize(limit: number): void {
    if (limit > defaultTableSize) throw malformed(`table size ${limit} is above ${defaultTableSize}`);
    this.#limit = limit;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= sizeOf(this.#dynamic.pop()!);
  }
}

function sizeOf([name, value]: HeaderField): number {
  return name.length + value.length + entryOverhead;
}

function malformed(text: string): GranaryError {
  return new GranaryError('protocol', `HTTP/2: malformed header block: ${text}`, {
    details: { code: errorCode.compression },
  });
}

class BlockReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed('it ends too early');
    return byte;
  }

  /** An integer whose first `prefix` bits are the low bits of the next byte. */
  integer(prefix: number): number {
    const most = 2 ** prefix - 1;
    let value = this.peek() & most;
    this.#at++;
    if (value < most) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.peek();
      this.#at++;
      value += (byte & 127) * scale;
      if (value > 2 ** 32) throw malformed('an integer is too large');
      if (byte < 128) return value;
      if (scale > 2 ** 32) throw malformed('an integer is too long');
    }
  }

  string(): string {
    const huffman = this.peek() >= 0x80;
    const length = this.integer(7);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw malformed('it ends too early');
    this.#at += length;
    return huffman ? decodeHuffman(bytes) : Buffer.from(bytes).toString('latin1');
  }
}
