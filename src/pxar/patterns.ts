// Exclude and selection patterns: single ones, the ordered list in which the last match decides, `.pxarexclude`
// files, and the text form in which an archive keeps the command line's (pxar.md 11).

import { messageOf } from '../base/errors.ts';
import { Wildmatch } from './wildmatch.ts';

export type PatternResult = 'include' | 'exclude';

export interface ParseOptions {
  /** What a match means, when the text does not begin with `!`. Default exclude. */
  type?: PatternResult;
  /** Only the whole path can match, not a part of it. */
  anchored?: boolean;
}

const slash = 0x2f;
const bang = 0x21;
const newline = 0x0a;

export class Pattern {
  /** As written, normalised, without `!` and without the slash that stands for "directories only". */
  readonly text: Uint8Array;
  readonly type: PatternResult;
  readonly directoriesOnly: boolean;
  readonly anchored: boolean;
  readonly #wildmatch: Wildmatch;

  /** Throws `pattern-invalid`. `prefix` is a literal path put in front for matching only. */
  constructor(text: Uint8Array, type: PatternResult, anchored: boolean, prefix?: Uint8Array) {
    this.directoriesOnly = text.at(-1) === slash;
    this.text = this.directoriesOnly && text.byteLength > 1 ? text.subarray(0, -1) : text;
    this.type = type;
    this.anchored = anchored;
    this.#wildmatch = new Wildmatch(prefix === undefined ? this.text : Buffer.concat([escaped(prefix), this.text]));
  }

  /** `path` begins with `/`, the archive root. */
  matches(path: Uint8Array, isDirectory: boolean): boolean {
    return (isDirectory || !this.directoriesOnly) && this.#wildmatch.matches(path, !this.anchored);
  }
}

/** The pattern, and whether normalising changed its text, of which the user is told. */
export interface ParsedPattern {
  readonly pattern: Pattern;
  readonly normalized: boolean;
}

/** Parses one command line value; a leading `!` turns an exclude into an include and back. Throws `pattern-invalid`. */
export function parsePattern(text: string | Uint8Array, options: ParseOptions = {}): ParsedPattern {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const inverted = bytes[0] === bang;
  const given = inverted ? bytes.subarray(1) : bytes;
  const normal = normalize(given);
  const isInclude = (options.type === 'include') !== inverted;
  return {
    pattern: new Pattern(normal, isInclude ? 'include' : 'exclude', options.anchored ?? false),
    normalized: Buffer.compare(given, normal) !== 0,
  };
}

/** A line of an exclude file that was left out, or taken in another form. */
export interface PatternProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export interface ExcludeFile {
  readonly patterns: Pattern[];
  readonly problems: PatternProblem[];
}

/**
 * Parses a `.pxarexclude` file; `directory` is the path of its directory from the archive root, empty for the root.
 * Bad lines are left out and reported.
 */
export function parseExcludeFile(content: Uint8Array, directory: Uint8Array): ExcludeFile {
  const patterns: Pattern[] = [];
  const problems: PatternProblem[] = [];
  const prefix = directory.byteLength === 0 ? directory : Buffer.concat([Uint8Array.of(slash), trimSlashes(directory)]);
  let number = 0;
  for (let start = 0; start < content.byteLength; ) {
    const found = content.indexOf(newline, start);
    const end = found < 0 ? content.byteLength : found;
    const line = trimSpace(content.subarray(start, end));
    start = end + 1;
    number++;
    if (line.byteLength === 0 || line[0] === 0x23) continue;
    const include = line[0] === bang;
    const given = include ? line.subarray(1) : line;
    const anchored = given[0] === slash;
    const text = normalize(given);
    try {
      // A copy, because the file's buffer is the caller's.
      const own = Uint8Array.from(text);
      patterns.push(new Pattern(own, include ? 'include' : 'exclude', anchored, anchored ? prefix : undefined));
      if (Buffer.compare(given, text) !== 0) problems.push({ line: number, message: 'the pattern was normalised' });
    } catch (error) {
      problems.push({ line: number, message: messageOf(error) });
    }
  }
  return { patterns, problems };
}

/** Patterns in order; while a tree is walked each directory adds its own and removes them on leaving. */
export class PatternList {
  readonly #patterns: Pattern[];

  constructor(patterns: readonly Pattern[] = []) {
    this.#patterns = [...patterns];
  }

  /** Also what to `truncate` to later. */
  get length(): number {
    return this.#patterns.length;
  }

  push(...patterns: readonly Pattern[]): void {
    this.#patterns.push(...patterns);
  }

  truncate(length: number): void {
    this.#patterns.length = Math.min(length, this.#patterns.length);
  }

  [Symbol.iterator](): Iterator<Pattern> {
    return this.#patterns[Symbol.iterator]();
  }

  /** What the last matching pattern says about `path`, which begins with `/`; undefined when none matches. */
  match(path: Uint8Array, isDirectory: boolean): PatternResult | undefined {
    for (let i = this.#patterns.length - 1; i >= 0; i--) {
      const pattern = this.#patterns[i]!;
      if (pattern.matches(path, isDirectory)) return pattern.type;
    }
    return undefined;
  }
}

/** One line a pattern, the content of `.pxarexclude-cli` and of the prelude's member. */
export function formatPatterns(patterns: Iterable<Pattern>): Buffer {
  const parts: Uint8Array[] = [];
  for (const { type, text, directoriesOnly } of patterns) {
    if (type === 'include') parts.push(Uint8Array.of(bang));
    parts.push(text);
    if (directoriesOnly && text.at(-1) !== slash) parts.push(Uint8Array.of(slash));
    parts.push(Uint8Array.of(newline));
  }
  return Buffer.concat(parts);
}

/** The prelude of a split archive for these command line patterns: compact JSON. */
export function formatPrelude(patterns: Iterable<Pattern>): Buffer {
  return Buffer.from(JSON.stringify({ 'exclude-patterns': formatPatterns(patterns).toString() }));
}

/** Lexically: `.` and empty components go, `..` takes its predecessor along; a final slash stays. */
function normalize(text: Uint8Array): Uint8Array {
  const source = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1');
  if (!/\/\/|(^|\/)\.\.?(\/|$)/.test(source)) return text;
  const parts: string[] = [];
  for (const part of source.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  const absolute = source.startsWith('/') ? '/' : '';
  const trailing = parts.length > 0 && source.endsWith('/') ? '/' : '';
  return Buffer.from(absolute + parts.join('/') + trailing, 'latin1');
}

/** A literal path as pattern text. */
function escaped(path: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (const byte of path) {
    if (byte === 0x2a || byte === 0x3f || byte === 0x5b || byte === 0x5c) out.push(0x5c);
    out.push(byte);
  }
  return Uint8Array.from(out);
}

function trimSlashes(path: Uint8Array): Uint8Array {
  let start = 0;
  let end = path.byteLength;
  while (start < end && path[start] === slash) start++;
  while (end > start && path[end - 1] === slash) end--;
  return path.subarray(start, end);
}

function trimSpace(line: Uint8Array): Uint8Array {
  let start = 0;
  let end = line.byteLength;
  while (start < end && isSpace(line[start]!)) start++;
  while (end > start && isSpace(line[end - 1]!)) end--;
  return line.subarray(start, end);
}

/** ASCII white space: space, tab, line feed, form feed, carriage return. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d;
}
