// Request parameters: where they come from, how text becomes typed values, and every text of a violation
// (rest-api.md 2 and 9). Used by the REST server and by the HTTP/2 sessions; the schemas are those of model/schema.

import { GranaryError, messageOf } from '../base/errors.ts';
import { checkValue, parseValue, type RawSchema } from '../config/value-text.ts';
import type { Static, TObject, TSchema } from '../model/type.ts';

/** The raw material of one request's parameters. */
export interface ParameterInput {
  /** The part of the URL after `?`, still encoded. */
  query?: string;
  /** The whole body, when the call has parameters in it. */
  body?: Uint8Array;
  contentType?: string;
  /** Decoded path variables. They win over a JSON body. */
  path?: Readonly<Record<string, string>>;
}

/** A schema's keywords, and the bounds of a list, which only requests have. */
interface Keywords extends RawSchema {
  minItems?: number;
  maxItems?: number;
}

type Problem = readonly [name: string, text: string];

const missingInForm = 'parameter is missing and it is not optional.';
const missingInJson = 'property is missing and it is not optional';
const additional = 'schema does not allow additional properties.';

/**
 * Reads and checks the parameters of one request.
 * Throws `parameter-invalid`, which names every offending parameter, or `bad-request` for a body that cannot be read.
 */
export function parseParameters<T extends TObject>(schema: T, input: ParameterInput): Static<T> {
  const kind = contentKind(input.contentType);
  if (kind === 'json') return checkJson(schema, jsonMembers(input)) as Static<T>;
  return checkText(schema, textPairs(input)) as Static<T>;
}

/** Checks an object that was JSON, with strict types. Throws `parameter-invalid`. */
export function checkJson(schema: TSchema, members: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const { properties, required } = objectKeywords(schema);
  const problems: Problem[] = [];
  const result: Record<string, unknown> = {};
  for (const [name, value] of members) {
    const property = properties.get(name);
    if (name === '_dc') continue;
    if (property === undefined) problems.push([name, additional]);
    else {
      checkJsonValue(name, property, value, problems);
      result[name] = value;
    }
  }
  for (const name of required) {
    const value = members.get(name);
    if (value === undefined || value === null) problems.push([name, missingInJson]);
  }
  throwProblems(problems);
  return result;
}

/** Converts and checks name and text pairs, as a form or a query has them. Throws `parameter-invalid`. */
export function checkText(schema: TSchema, pairs: Iterable<readonly [string, string]>): Record<string, unknown> {
  const { properties, required } = objectKeywords(schema);
  const problems: Problem[] = [];
  const result: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const [name, text] of pairs) {
    if (name === '_dc') continue;
    const property = properties.get(name);
    if (property === undefined) {
      problems.push([name, additional]);
      continue;
    }
    if (property.type === 'array') {
      const value = fromText(name, property.items ?? {}, text, problems);
      const list = seen.has(name) ? (result[name] as unknown[]) : [];
      list.push(value);
      result[name] = list;
    } else if (seen.has(name)) {
      problems.push([name, 'duplicate parameter.']);
    } else {
      result[name] = fromText(name, property, text, problems);
    }
    seen.add(name);
  }
  for (const [name, property] of properties) {
    if (property.type === 'array' && seen.has(name)) checkCount(name, property, result[name] as unknown[], problems);
  }
  for (const name of required) if (!seen.has(name)) problems.push([name, missingInForm]);
  throwProblems(problems);
  return result;
}

/** A violation found by a handler about one parameter, in the same form as the ones found here. */
export function parameterError(name: string, text: string): GranaryError {
  return problemsError([[name, text]]);
}

/** The name and text pairs of a query string or a form body: `+` is a space, broken escapes stay as they are. */
export function parseForm(text: string): [string, string][] {
  return [...new URLSearchParams(text)];
}

function contentKind(contentType: string | undefined): 'json' | 'form' {
  if (contentType === undefined) return 'form';
  const media = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (media === 'application/json') return 'json';
  if (media === 'application/x-www-form-urlencoded' || media === '') return 'form';
  throw new GranaryError('bad-request', `unsupported content type '${contentType.slice(0, 100)}'`);
}

function textPairs(input: ParameterInput): [string, string][] {
  const pairs: [string, string][] = Object.entries(input.path ?? {});
  if (input.body !== undefined && input.body.byteLength > 0) pairs.push(...parseForm(decodeUtf8(input.body)));
  if (input.query !== undefined && input.query !== '') pairs.push(...parseForm(input.query));
  return pairs;
}

function jsonMembers(input: ParameterInput): Map<string, unknown> {
  let value: unknown = {};
  if (input.body !== undefined && input.body.byteLength > 0) {
    const text = decodeUtf8(input.body);
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new GranaryError('bad-request', `unable to parse request body as JSON: ${messageOf(error)}`);
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GranaryError('bad-request', 'the request body is not a JSON object');
  }
  return new Map([...Object.entries(value), ...Object.entries(input.path ?? {})]);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new GranaryError('bad-request', 'the request body is not valid UTF-8');
  }
}

function objectKeywords(schema: TSchema): { properties: ReadonlyMap<string, Keywords>; required: readonly string[] } {
  const keywords = schema as Keywords;
  return { properties: new Map(Object.entries(keywords.properties ?? {})), required: keywords.required ?? [] };
}

function fromText(name: string, schema: Keywords, text: string, problems: Problem[]): unknown {
  const parsed = parseValue(schema, text);
  if (parsed.problem !== undefined) problems.push([name, parsed.problem]);
  return parsed.value;
}

function checkJsonValue(name: string, schema: Keywords, value: unknown, problems: Problem[]): void {
  if (schema.type === 'array' && Array.isArray(value)) {
    checkCount(name, schema, value, problems);
    value.forEach((item, index) => {
      checkJsonValue(`${name}/[${index}]`, schema.items ?? {}, item, problems);
    });
    return;
  }
  const problem =
    typeof value !== 'string' && schema.type === undefined ? 'Expected string value.' : checkValue(schema, value);
  if (problem !== undefined) problems.push([name, problem]);
}

function checkCount(name: string, schema: Keywords, list: readonly unknown[], problems: Problem[]): void {
  if (schema.minItems !== undefined && list.length < schema.minItems) {
    problems.push([name, `array must contain at least ${schema.minItems} elements`]);
  }
  if (schema.maxItems !== undefined && list.length > schema.maxItems) {
    problems.push([name, `array may only contain ${schema.maxItems} elements`]);
  }
}

function throwProblems(problems: readonly Problem[]): void {
  if (problems.length > 0) throw problemsError(problems);
}

function problemsError(problems: readonly Problem[]): GranaryError {
  const lines = problems.map(([name, text]) => `- '${name}': ${text}`);
  const message =
    lines.length === 1
      ? `parameter verification failed ${lines[0]}`
      : ['parameter verification failed:', ...lines, ''].join('\n');
  return new GranaryError('parameter-invalid', message, { parameters: Object.fromEntries(problems) });
}
