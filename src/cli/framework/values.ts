// From the words of a command line to checked values, with the API's texts for what is wrong (rest-api.md 2, cli.md 1).

import { parseBytes } from '../../base/human.ts';
import { parseAuthId } from '../../model/auth-id.ts';
import { parseNamespace } from '../../model/backup.ts';
import type { OptionFormat, OptionSchema } from './options.ts';

const booleanWords: Record<string, boolean> = {
  '1': true,
  on: true,
  yes: true,
  true: true,
  '0': false,
  off: false,
  no: false,
  false: false,
};

/** The boolean a word stands for, in any case; undefined for any other word. */
export function parseBoolean(word: string): boolean | undefined {
  return booleanWords[word.toLowerCase()];
}

const formats: Record<OptionFormat, (text: string) => boolean> = {
  'byte-size': (text) => parseBytes(text) !== undefined,
  'auth-id': (text) => parseAuthId(text) !== undefined,
  namespace: (text) => {
    try {
      parseNamespace(text);
      return true;
    } catch {
      return false;
    }
  },
};

export type Converted = { value: unknown } | { error: string };

/** Converts and checks one word. */
export function convertValue(schema: OptionSchema, word: string): Converted {
  switch (schema.type) {
    case 'boolean': {
      const value = parseBoolean(word);
      return value === undefined ? { error: 'Unable to parse boolean option.' } : { value };
    }
    case 'integer':
      return convertInteger(schema, word);
    default:
      return convertText(schema, word);
  }
}

function convertInteger(schema: OptionSchema, word: string): Converted {
  if (word === '') return { error: 'cannot parse integer from empty string' };
  const value = Number(word);
  if (!/^[+-]?\d+$/.test(word) || !Number.isSafeInteger(value)) return { error: 'invalid digit found in string' };
  if (schema.minimum !== undefined && value < schema.minimum) {
    return { error: `value must have a minimum value of ${schema.minimum} (got ${value})` };
  }
  if (schema.maximum !== undefined && value > schema.maximum) {
    return { error: `value must have a maximum value of ${schema.maximum} (got ${value})` };
  }
  return { value };
}

function convertText(schema: OptionSchema, word: string): Converted {
  if (schema.enum && !schema.enum.includes(word)) {
    return { error: `value '${word}' is not defined in the enumeration.` };
  }
  const length = [...word].length;
  if (schema.minLength !== undefined && length < schema.minLength) {
    return { error: `value must be at least ${schema.minLength} characters long` };
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    return { error: `value may only be ${schema.maxLength} characters long` };
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(word)) {
    return { error: 'value does not match the regex pattern' };
  }
  if (schema.format !== undefined && !formats[schema.format](word)) {
    return { error: 'value does not match the regex pattern' };
  }
  return { value: word };
}
