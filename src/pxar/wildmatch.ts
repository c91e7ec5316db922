// Path wildcards of exclude and selection patterns (pxar.md 11.4), byte-wise. A pattern is compiled once into tokens
// and run as a set of states, so that no pattern can take more than text length times pattern length: patterns
// come from files inside the tree that is backed up, and their author may mean harm.

import { asBuffer } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { quotePath } from '../base/quote.ts';

const slash = 0x2f;
const backslash = 0x5c;
const caret = 0x5e;
const dash = 0x2d;
const star = 0x2a;
const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const colon = 0x3a;

/** 0..255: that byte; then the kinds below; from `firstClass` on, a class. */
const anyButSlash = 256;
const runWithoutSlash = 257;
const run = 258;
/** `**` with the slash behind it, which together may also be nothing. */
const runAndSlash = 259;
const firstClass = 260;

/** A compiled pattern: matches whole texts, or any part that starts behind a slash and reaches to the end. */
export class Wildmatch {
  readonly #tokens: Uint32Array;
  readonly #classes: readonly Uint8Array[];
  /** Literal bytes that every match starts and ends with; most texts are refused by them. */
  readonly #head: Uint8Array;
  readonly #tail: Uint8Array;
  readonly #literal: boolean;
  /** States of the run, of this byte and of the next. */
  #now: Uint8Array;
  #next: Uint8Array;

  /** Throws `pattern-invalid` for an empty pattern, NUL, a final backslash, a bad class. */
  constructor(pattern: Uint8Array) {
    const { tokens, classes } = compile(pattern);
    this.#tokens = Uint32Array.from(tokens);
    this.#classes = classes;
    const firstWild = tokens.findIndex((token) => token > 255);
    this.#literal = firstWild < 0;
    this.#head = Uint8Array.from(this.#literal ? tokens : tokens.slice(0, firstWild));
    this.#tail = Uint8Array.from(
      this.#literal ? tokens : tokens.slice(tokens.findLastIndex((token) => token > 255) + 1),
    );
    this.#now = new Uint8Array(tokens.length + 1);
    this.#next = new Uint8Array(tokens.length + 1);
  }

  /** Whether the whole text matches; with `anywhere`, also whether a part behind a slash does. */
  matches(text: Uint8Array, anywhere = false): boolean {
    const tail = this.#tail;
    const length = text.byteLength;
    if (length < tail.byteLength) return false;
    for (let i = 1; i <= tail.byteLength; i++) if (text[length - i] !== tail[tail.byteLength - i]) return false;
    if (this.#literal) {
      return length === tail.byteLength || (anywhere && text[length - tail.byteLength - 1] === slash);
    }
    if (!anywhere) {
      const head = this.#head;
      if (length < head.byteLength) return false;
      for (let i = 0; i < head.byteLength; i++) if (text[i] !== head[i]) return false;
    }
    return this.#run(text, anywhere);
  }

  #run(text: Uint8Array, anywhere: boolean): boolean {
    const tokens = this.#tokens;
    const states = tokens.length;
    let now = this.#now.fill(0);
    let next = this.#next.fill(0);
    this.#enter(now, 0);
    let first = 0;
    for (let i = 0; i < text.byteLength; i++) {
      const byte = text[i]!;
      let alive = states + 1;
      for (let state = first; state < states; state++) {
        if (now[state] === 0) continue;
        now[state] = 0;
        const token = tokens[state]!;
        let to = -1;
        if (token < 256) to = token === byte ? state + 1 : -1;
        else if (token === anyButSlash) to = byte === slash ? -1 : state + 1;
        else if (token === runWithoutSlash) to = byte === slash ? -1 : state;
        else if (token === run) to = state;
        else if (token >= firstClass) to = this.#classes[token - firstClass]![byte] === 1 ? state + 1 : -1;
        else {
          // Inside the run, whose slash has not come yet.
          next[state] = 1;
          if (state < alive) alive = state;
          to = byte === slash ? state + 1 : -1;
        }
        if (to >= 0) {
          this.#enter(next, to);
          if (to < alive) alive = to;
        }
      }
      now[states] = 0;
      if (anywhere && byte === slash) {
        this.#enter(next, 0);
        alive = 0;
      }
      if (alive > states && !anywhere) return false;
      first = alive;
      [now, next] = [next, now];
    }
    return now[states] === 1;
  }

  /** Adds a state and those reachable from it without a byte. */
  #enter(set: Uint8Array, state: number): void {
    const tokens = this.#tokens;
    let at = state;
    for (;;) {
      if (set[at] === 1) return;
      set[at] = 1;
      const token = tokens[at];
      if (token !== runWithoutSlash && token !== run && token !== runAndSlash) return;
      at++;
    }
  }
}

function invalid(pattern: Uint8Array, why: string): GranaryError {
  return new GranaryError('pattern-invalid', `pattern ${quotePath(asBuffer(pattern))}: ${why}`);
}

function compile(pattern: Uint8Array): { tokens: number[]; classes: Uint8Array[] } {
  if (pattern.byteLength === 0) throw invalid(pattern, 'empty');
  if (pattern.includes(0)) throw invalid(pattern, 'contains NUL');
  const tokens: number[] = [];
  const classes: Uint8Array[] = [];
  for (let at = 0; at < pattern.byteLength; ) {
    const byte = pattern[at]!;
    if (byte === star) {
      let end = at;
      while (pattern[end] === star) end++;
      const startsPart = at === 0 || pattern[at - 1] === slash;
      const endsPart = end === pattern.byteLength || pattern[end] === slash;
      if (end - at < 2 || !startsPart || !endsPart) tokens.push(runWithoutSlash);
      else if (end === pattern.byteLength) tokens.push(run);
      else {
        tokens.push(runAndSlash);
        end++;
      }
      at = end;
    } else if (byte === 0x3f) {
      tokens.push(anyButSlash);
      at++;
    } else if (byte === backslash) {
      if (at + 1 === pattern.byteLength) throw invalid(pattern, 'ends with a backslash');
      tokens.push(pattern[at + 1]!);
      at += 2;
    } else if (byte === bracketOpen) {
      const { members, end } = readClass(pattern, at + 1);
      tokens.push(firstClass + classes.length);
      classes.push(members);
      at = end;
    } else {
      tokens.push(byte);
      at++;
    }
  }
  return { tokens, classes };
}

/** Reads a class from behind its `[`; `members[byte]` is 1 for what it matches, `end` lies behind its `]`. */
function readClass(pattern: Uint8Array, start: number): { members: Uint8Array; end: number } {
  const members = new Uint8Array(256);
  let at = start;
  const negated = pattern[at] === caret;
  if (negated) at++;
  /** The last single member, which a dash makes the start of a range. */
  let low = -1;
  const single = (): number => {
    if (pattern[at] === backslash) at++;
    const byte = pattern[at++];
    if (byte === undefined) throw invalid(pattern, 'a class is not closed');
    return byte;
  };
  for (;;) {
    const byte = pattern[at];
    if (byte === undefined) throw invalid(pattern, 'a class is not closed');
    if (byte === bracketClose) break;
    if (byte === bracketOpen && pattern[at + 1] === colon) {
      const end = closingOfNamedClass(pattern, at + 2);
      if (end >= 0) {
        addNamedClass(pattern, asBuffer(pattern).toString('latin1', at + 2, end), members);
        at = end + 2;
        low = -1;
        continue;
      }
    }
    if (byte === dash && low >= 0) {
      at++;
      const high = single();
      members.fill(1, Math.min(low, high), Math.max(low, high) + 1);
      low = -1;
      continue;
    }
    low = single();
    members[low] = 1;
  }
  if (negated) for (let i = 0; i < 256; i++) members[i] = 1 - members[i]!;
  return { members, end: at + 1 };
}

/** Position of the `:]` that ends a `[:name`, or -1 when the bracket is an ordinary member. */
function closingOfNamedClass(pattern: Uint8Array, start: number): number {
  const close = pattern.indexOf(bracketClose, start);
  return close > start && pattern[close - 1] === colon ? close - 1 : -1;
}

/** Half-open ranges of bytes. */
const namedClasses: Record<string, readonly (readonly [number, number])[]> = {
  alnum: [
    [0x30, 0x3a],
    [0x41, 0x5b],
    [0x61, 0x7b],
  ],
  alpha: [
    [0x41, 0x5b],
    [0x61, 0x7b],
  ],
  blank: [
    [0x09, 0x0a],
    [0x20, 0x21],
  ],
  cntrl: [
    [0x00, 0x20],
    [0x7f, 0x80],
  ],
  digit: [[0x30, 0x3a]],
  graph: [[0x21, 0x7f]],
  lower: [[0x61, 0x7b]],
  print: [[0x20, 0x7f]],
  punct: [
    [0x21, 0x30],
    [0x3a, 0x41],
    [0x5b, 0x61],
    [0x7b, 0x7f],
  ],
  space: [
    [0x09, 0x0e],
    [0x20, 0x21],
  ],
  upper: [[0x41, 0x5b]],
  xdigit: [
    [0x30, 0x3a],
    [0x41, 0x47],
    [0x61, 0x67],
  ],
};

function addNamedClass(pattern: Uint8Array, name: string, members: Uint8Array): void {
  const ranges = Object.hasOwn(namedClasses, name) ? namedClasses[name] : undefined;
  if (ranges === undefined) throw invalid(pattern, `unknown class [:${name}:]`);
  for (const [from, to] of ranges) members.fill(1, from, to);
}
