// Values of configuration files: text to typed value and back, and the checks of their schemas
// (JSON Schema keywords as TypeBox makes them). Texts of violations are those of rest-api.md 2. Browser-safe.

import type { TSchema } from '../model/type.ts';
import { type PropertyStringFormat, parsePropertyString } from './property-string.ts';
import { textFormats } from './text-formats.ts';

export type ConfigValue = string | number | boolean | readonly string[] | readonly number[];

/** The keywords of a schema value that are looked at here. */
export interface RawSchema {
  type?: string;
  const?: unknown;
  anyOf?: RawSchema[];
  enum?: unknown[];
  items?: RawSchema;
  properties?: Record<string, RawSchema>;
  required?: string[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  propertyString?: PropertyStringFormat;
  /** A name of `text-formats.ts`. */
  format?: string;
}

/** A value, or what is wrong with the text. */
export type Parsed = { value: ConfigValue; problem?: undefined } | { problem: string; value?: undefined };

/** Whether repeated keys make up the value. */
export function isArraySchema(schema: TSchema): boolean {
  return (schema as RawSchema).type === 'array';
}

/** Converts one text (one element, for an array schema) to the schema's type and checks it. */
export function parseValue(schema: TSchema, text: string): Parsed {
  let raw = schema as RawSchema;
  if (raw.type === 'array') raw = raw.items ?? {};
  const converted = convert(raw, text);
  if (converted.problem !== undefined) return converted;
  const problem = checkValue(raw, converted.value);
  return problem === undefined ? converted : { problem };
}

/** The text of a scalar as it stands in a file: booleans are `true` and `false`. */
export function formatValue(value: string | number | boolean): string {
  return String(value);
}

/** What is wrong with a typed value; undefined when nothing is. */
export function checkValue(schema: TSchema, value: unknown): string | undefined {
  const raw = schema as RawSchema;
  const choices = choicesOf(raw);
  if (choices) return choices.includes(value) ? undefined : `value '${value}' is not defined in the enumeration.`;
  switch (raw.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'Expected boolean value.';
    case 'integer':
    case 'number':
      return checkNumber(raw, value);
    case 'array': {
      if (!Array.isArray(value)) return 'Expected array - got scalar value.';
      for (const element of value) {
        const problem = checkValue(raw.items ?? {}, element);
        if (problem !== undefined) return problem;
      }
      return undefined;
    }
    default:
      return checkString(raw, value);
  }
}

function convert(raw: RawSchema, text: string): Parsed {
  if (raw.type === 'boolean') {
    const value = parseBoolean(text);
    return value === undefined ? { problem: 'Unable to parse boolean option.' } : { value };
  }
  if (raw.type === 'integer' || raw.type === 'number') {
    if (text === '') return { problem: 'cannot parse integer from empty string' };
    const pattern = raw.type === 'integer' ? /^[+-]?\d+$/ : /^[+-]?\d+(\.\d+)?$/;
    const value = Number(text);
    return pattern.test(text) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
      ? { value }
      : { problem: 'invalid digit found in string' };
  }
  return { value: text };
}

/** `1 on yes true` and `0 off no false`, in any case of letters. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(1|on|yes|true)$/i.test(text)) return true;
  if (/^(0|off|no|false)$/i.test(text)) return false;
  return undefined;
}

function choicesOf(raw: RawSchema): unknown[] | undefined {
  if (raw.enum) return raw.enum;
  if (raw.anyOf?.every((one) => 'const' in one)) return raw.anyOf.map((one) => one.const);
  return 'const' in raw ? [raw.const] : undefined;
}

function checkNumber(raw: RawSchema, value: unknown): string | undefined {
  if (typeof value !== 'number' || (raw.type === 'integer' && !Number.isSafeInteger(value))) {
    return 'Expected integer value.';
  }
  if (raw.minimum !== undefined && value < raw.minimum) {
    return `value must have a minimum value of ${raw.minimum} (got ${value})`;
  }
  if (raw.maximum !== undefined && value > raw.maximum) {
    return `value must have a maximum value of ${raw.maximum} (got ${value})`;
  }
  return undefined;
}

const patterns = new Map<string, RegExp>();

/** In characters, as the original counts them: those beyond the first plane of Unicode are one each. */
function lengthOf(text: string): number {
  let length = text.length;
  for (const _ of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) length--;
  return length;
}

function checkString(raw: RawSchema, value: unknown): string | undefined {
  if (typeof value !== 'string') return 'Expected string value.';
  if (raw.minLength !== undefined && lengthOf(value) < raw.minLength) {
    return `value must be at least ${raw.minLength} characters long`;
  }
  if (raw.maxLength !== undefined && value.length > raw.maxLength && lengthOf(value) > raw.maxLength) {
    return `value may only be ${raw.maxLength} characters long`;
  }
  if (raw.pattern !== undefined) {
    const pattern = patterns.get(raw.pattern) ?? new RegExp(raw.pattern);
    patterns.set(raw.pattern, pattern);
    if (!pattern.test(value)) return 'value does not match the regex pattern';
  }
  if (raw.propertyString) {
    const parsed = parsePropertyString(raw.propertyString, value);
    if (parsed.problem !== undefined) return parsed.problem;
  }
  return raw.format === undefined ? undefined : textFormats[raw.format]?.(value);
}
