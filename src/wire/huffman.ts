// The Huffman code of HPACK strings (RFC 7541 appendix B), which other HTTP/2 implementations use for what they send.
// The code is canonical: it follows from which bytes have which code length.

import { GranaryError } from '../base/errors.ts';
import { errorCode } from './h2-frames.ts';

const endOfString = 256;

/** Byte values by code length, ascending, as hex; the end-of-string symbol comes after the last. */
const symbolsByLength: readonly [number, string][] = [
  [5, '303132616365696f7374'],
  [6, '20252d2e2f333435363738393d415f62646667686c6d6e707275'],
  [7, '3a42434445464748494a4b4c4d4e4f5051525354555657596a6b71767778797a'],
  [8, '262a2c3b585a'],
  [10, '212228293f'],
  [11, '272b7c'],
  [12, '233e'],
  [13, '0024405b5d7e'],
  [14, '5e7d'],
  [15, '3c607b'],
  [19, '5cc3d0'],
  [20, '808283a2b8c2e0e2'],
  [21, '99a1a7acb0b1b3d1d8d9e3e5e6'],
  [22, '8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9'],
  [23, '0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef'],
  [24, '098e9091949fabced7e1eced'],
  [25, 'c7cfeaeb'],
  [26, 'c0c1c8c9cacdd2d5dadbeef0f2f3ff'],
  [27, 'cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe'],
  [28, '020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9'],
  [30, '0a0d16'],
];

/** One code length: its codes are `first` up to `first + symbols.length - 1`. */
interface Level {
  length: number;
  first: number;
  symbols: readonly number[];
}

const levels: readonly Level[] = makeLevels();

function makeLevels(): Level[] {
  const made: Level[] = [];
  let code = 0;
  let previous = 0;
  for (const [length, hex] of symbolsByLength) {
    const symbols: number[] = [...Buffer.from(hex, 'hex')];
    if (length === 30) symbols.push(endOfString);
    code *= 2 ** (length - previous);
    made.push({ length, first: code, symbols });
    code += symbols.length;
    previous = length;
  }
  return made;
}

/** Decodes a string; throws `protocol` for bad padding and for the end-of-string symbol. */
export function decodeHuffman(bytes: Uint8Array): string {
  const out: number[] = [];
  let code = 0;
  let length = 0;
  let level = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      if (length < levels[level]!.length) continue;
      const { first, symbols } = levels[level]!;
      if (code - first >= symbols.length) {
        // No code is longer than the last level's; its codes include every one of 30 bits.
        level++;
        continue;
      }
      const symbol = symbols[code - first]!;
      if (symbol === endOfString) throw malformed('end-of-string symbol in a header');
      out.push(symbol);
      code = 0;
      length = 0;
      level = 0;
    }
  }
  // The rest has to be the start of the end-of-string symbol, which is all ones, and less than a byte.
  if (length > 7 || code !== 2 ** length - 1) throw malformed('bad padding in a header');
  return Buffer.from(out).toString('latin1');
}

function malformed(text: string): GranaryError {
  return new GranaryError('protocol', `HTTP/2: ${text}`, { details: { code: errorCode.compression } });
}
