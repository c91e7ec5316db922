// Reads a long list of the REST API piece by piece: a datastore may have a million groups, and their list as one
// object would take more memory than everything else together (rest-api.md 1).

import { GranaryError, messageOf } from '../base/errors.ts';

/** Longest text of one item. */
const maxItem = 16 * 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Commas and white space. */
const isBetween = (byte: number): boolean => byte === 0x2c || byte <= 0x20;

/**
 * The objects of the array `data` of an answer `{"data":[...]}`, whatever stands beside it. Throws `protocol` when the
 * answer is not of that form or breaks off.
 */
export async function* listItems(answer: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<object> {
  const fail = (text: string) => new GranaryError('protocol', `answer to ${what}: ${text}`);
  let depth = 0;
  let inText = false;
  let escaped = false;
  /** Text outside of items, which has to be an object with an empty array for `data` in the end. */
  const frame: Uint8Array[] = [];
  let frameLength = 0;
  /** The beginning of an item that the last piece ended in. */
  let held: Uint8Array[] = [];
  let heldLength = 0;
  for await (const piece of answer) {
    let from = 0;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]!;
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inText = false;
      } else if (byte === quote) inText = true;
      else if (byte === openBrace || byte === openBracket) {
        if (depth === 2 && byte === openBrace) {
          keepFrame(piece.subarray(from, at));
          from = at;
        }
        depth++;
      } else if (byte === closeBrace || byte === closeBracket) {
        depth--;
        if (depth === 2 && byte === closeBrace) {
          yield parseItem(piece.subarray(from, at + 1));
          from = at + 1;
        }
      }
    }
    const rest = piece.subarray(from);
    if (depth > 2) hold(rest);
    else keepFrame(rest);
  }
  // Commas are all that is left between the items.
  const text = Buffer.concat(frame)
    .toString('utf8')
    .replace(/\[[\s,]*\]/g, '[]');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw fail(`no JSON, or it breaks off: ${messageOf(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || !('data' in parsed) || !Array.isArray(parsed.data)) {
    throw fail('it has no list');
  }
  if (parsed.data.length > 0) throw fail('the list has something else than objects');

  function keepFrame(bytes: Uint8Array): void {
    frameLength += bytes.length;
    if (frameLength > maxItem) throw fail('it has too much beside the list');
    // What is between a million items is not worth keeping.
    if (bytes.length > 0 && !(depth === 2 && bytes.every(isBetween))) frame.push(Uint8Array.from(bytes));
  }

  function hold(bytes: Uint8Array): void {
    heldLength += bytes.length;
    if (heldLength > maxItem) throw fail(`an item has more than ${maxItem} bytes`);
    held.push(Uint8Array.from(bytes));
  }

  function parseItem(end: Uint8Array): object {
    const bytes = held.length === 0 ? end : Buffer.concat([...held, end]);
    held = [];
    heldLength = 0;
    try {
      return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as object;
    } catch (error) {
      throw fail(`an item is no JSON: ${messageOf(error)}`);
    }
  }
}
