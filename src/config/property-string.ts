// Objects written in one line, `gc=always,message="a, b"` (config-and-tasks.md 4). Browser-safe.

import { type TObject, type TString, type TStringOptions, Type } from '../model/type.ts';
import { type ConfigValue, checkValue, isArraySchema, parseValue, type RawSchema } from './value-text.ts';

export interface PropertyStringFormat {
  /** The schema of the object. */
  object: TObject;
  /** The property whose value may stand without `key=`. */
  defaultKey?: string;
  /** Whole texts that are accepted besides. */
  alternatives?: readonly string[];
}

export type PropertyObject = Record<string, ConfigValue>;

export type ParsedProperties = { value: PropertyObject; problem?: undefined } | { problem: string; value?: undefined };

/** A string schema whose text is a property string; `checkValue` looks inside. */
export function propertyString(format: PropertyStringFormat, options: TStringOptions = {}): TString {
  return Type.String({ ...options, propertyString: format });
}

/** Parses and checks a property string; an alternative text gives the empty object. */
export function parsePropertyString(format: PropertyStringFormat, text: string): ParsedProperties {
  if (format.alternatives?.includes(text)) return { value: {} };
  const { properties = {}, required = [] } = format.object as RawSchema;
  const split = splitProperties(text);
  if (typeof split === 'string') return { problem: split };
  const value: PropertyObject = {};
  for (const [givenKey, content] of split) {
    const key = givenKey ?? format.defaultKey;
    if (key === undefined && format.alternatives && split.length === 1) {
      return { problem: `'${content}' is neither ${format.alternatives.join(', ')} nor a list of key=value` };
    }
    if (key === undefined) return { problem: `value without key, but schema does not define a default key` };
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!schema) return { problem: `'${key}': schema does not allow additional properties.` };
    if (Object.hasOwn(value, key)) return { problem: `duplicate key '${key}'` };
    const elements: string[] = [];
    for (const element of isArraySchema(schema) ? content.split(';').filter((part) => part.trim() !== '') : [content]) {
      const parsed = parseValue(schema, isArraySchema(schema) ? element.trim() : element);
      if (parsed.problem !== undefined) return { problem: `'${key}': ${parsed.problem}` };
      if (!isArraySchema(schema)) value[key] = parsed.value;
      else elements.push(String(parsed.value));
    }
    if (isArraySchema(schema)) value[key] = elements;
  }
  for (const key of required) {
    if (!Object.hasOwn(value, key)) return { problem: `'${key}': property is missing and it is not optional.` };
  }
  return { value };
}

/** Writes the object, properties in the schema's order, the default key first and bare. */
export function formatPropertyString(format: PropertyStringFormat, value: PropertyObject): string {
  const { properties = {} } = format.object as RawSchema;
  const keys = Object.keys(properties).filter((key) => value[key] !== undefined);
  const parts: string[] = [];
  for (const key of keys.sort((a, b) => Number(b === format.defaultKey) - Number(a === format.defaultKey))) {
    const content = value[key]!;
    const problem = checkValue(properties[key]!, content);
    if (problem !== undefined) throw new TypeError(`'${key}': ${problem}`);
    const text = quote(Array.isArray(content) ? content.join(';') : String(content));
    parts.push(key === format.defaultKey ? text : `${key}=${text}`);
  }
  return parts.join(',');
}

function quote(text: string): string {
  if (text !== '' && text === text.trim() && !/[",\\=\n]/.test(text)) return text;
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** Splits at top-level commas into keys (undefined: none was given) and unquoted values; a string is an error text. */
function splitProperties(text: string): [string | undefined, string][] | string {
  const out: [string | undefined, string][] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    let key: string | undefined;
    const keyMatch = /^([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*=\s*/.exec(rest);
    if (keyMatch) {
      key = keyMatch[1];
      rest = rest.slice(keyMatch[0].length);
    }
    let value: string;
    if (rest.startsWith('"')) {
      const quoted = /^"((?:[^"\\]|\\["\\n])*)"\s*(?=,|$)/.exec(rest);
      if (!quoted) return 'unexpected end of quoted string';
      value = quoted[1]!.replace(/\\(["\\n])/g, (_, char: string) => (char === 'n' ? '\n' : char));
      rest = rest.slice(quoted[0].length);
    } else {
      const comma = rest.indexOf(',');
      value = (comma < 0 ? rest : rest.slice(0, comma)).trimEnd();
      rest = comma < 0 ? '' : rest.slice(comma);
      if (key === undefined && value === '') return 'empty property';
    }
    out.push([key, value]);
    if (rest.startsWith(',')) {
      rest = rest.slice(1).trimStart();
      if (rest === '') return 'empty property';
    }
  }
  return out;
}
