// JSON as the manifest needs it: members sorted by key bytes, numbers kept as they were written, and input that
// a strict parser would refuse is refused (formats.md 1, 8.3 and 8.4).

import { GranaryError, messageOf } from '../base/errors.ts';

const maxDepth = 128;

/** A number that JavaScript cannot hold exactly, kept as its source text. */
interface RawJson {
  rawJSON: string;
}

/** ES2026 source text access, which the language's type declarations do not have yet; nor do all browsers have it. */
interface JsonWithSource extends JSON {
  rawJSON?(text: string): RawJson;
  isRawJSON?(value: unknown): value is RawJson;
}
const json: JsonWithSource = JSON;

const isRaw = (value: unknown): value is RawJson => json.isRawJSON?.(value) ?? false;

/**
 * Parses UTF-8 JSON. Numbers whose text JavaScript would not write again become opaque values that
 * `prettyJson` and `canonicalJson` write as they came. Throws what `fail` makes of a text.
 */
export function parseJson(bytes: Uint8Array, fail: (text: string) => GranaryError): unknown {
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = json.parse(text, (_key, item: unknown, context?: { source?: string }) =>
      typeof item === 'number' && context?.source !== undefined && context.source !== String(item)
        ? (json.rawJSON?.(context.source) ?? item)
        : item,
    );
  } catch (error) {
    throw fail(`not valid JSON: ${messageOf(error)}`);
  }
  const problem = findProblem(value, 0);
  if (problem !== undefined) throw fail(problem);
  return value;
}

/** Two spaces of indentation, members of every object in ascending byte order of their keys. */
export function prettyJson(value: unknown): string {
  return write(value, '\n');
}

/** No white space, members sorted; throws `manifest-invalid` for a null anywhere. */
export function canonicalJson(value: unknown): string {
  return write(value, undefined);
}

/** An object of JSON, that is neither an array nor a number kept as text. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value);
}

function findProblem(value: unknown, depth: number): string | undefined {
  if (depth > maxDepth) return `JSON is nested deeper than ${maxDepth}`;
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'JSON string with half a surrogate pair';
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = findProblem(item, depth + 1);
      if (problem !== undefined) return problem;
    }
  } else if (isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      const problem = findProblem(key, depth) ?? findProblem(item, depth + 1);
      if (problem !== undefined) return problem;
    }
  } else if (isRaw(value) && !Number.isFinite(Number(value.rawJSON))) {
    return `JSON number out of range: ${value.rawJSON.slice(0, 40)}`;
  }
  return undefined;
}

/** `newline` is the line break with the indentation so far; none for the compact form. */
function write(value: unknown, newline: string | undefined): string {
  const inner = newline === undefined ? '' : `${newline}  `;
  const outer = newline ?? '';
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[${inner}${value.map((item) => write(item, newline && inner)).join(`,${inner}`)}${outer}]`;
  }
  if (isJsonObject(value)) {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (keys.length === 0) return '{}';
    const colon = newline === undefined ? ':' : ': ';
    const members = keys
      .sort(compareCodePoints)
      .map((key) => `${JSON.stringify(key)}${colon}${write(value[key], newline && inner)}`);
    return `{${inner}${members.join(`,${inner}`)}${outer}}`;
  }
  if (value === null && newline === undefined) {
    throw new GranaryError('manifest-invalid', 'the signed part of a manifest contains a null');
  }
  return JSON.stringify(value);
}

/** The order of the UTF-8 forms, which is that of code points; surrogates compare otherwise as they are. */
function compareCodePoints(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  // In the middle of a pair, both have the same first half.
  const isSecond = at > 0 && (a.charCodeAt(at - 1) & 0xfc00) === 0xd800;
  const from = isSecond ? at - 1 : at;
  return (a.codePointAt(from) ?? -1) - (b.codePointAt(from) ?? -1);
}
