// The line format of configuration files: `type: id` headers with indented `key value` lines below them
// (config-and-tasks.md 1). Reading is lenient (any indentation, comments, a missing blank line), writing is strict.

import { GranaryError } from '../base/errors.ts';
import type { TObject, TSchema } from '../model/type.ts';
import { type ConfigValue, checkValue, formatValue, isArraySchema, parseValue, type RawSchema } from './value-text.ts';

/** What sections of one type hold. */
export interface SectionType {
  /** All properties, the one that names the section included. */
  schema: TObject;
  /** The property whose value stands in the header. */
  id: string;
}

export interface SectionFormat {
  types: Readonly<Record<string, SectionType>>;
  /** Keep sections and properties that `types` does not know, as lists of texts, instead of refusing them. */
  keepUnknown?: boolean;
}

export interface Section {
  readonly type: string;
  readonly id: string;
  /** Typed by the schema, without the id; of unknown properties a list of their texts. */
  readonly values: Readonly<Record<string, ConfigValue>>;
}

/** Sections by id, in the order of the file. */
export type Sections = Map<string, Section>;

/** Parses a whole file; throws `config-invalid` with file and line. The empty text is a file without sections. */
export function parseSections(format: SectionFormat, text: string, file: string): Sections {
  const sections: Sections = new Map();
  let open: OpenSection | undefined;
  let lineNumber = 0;
  const close = () => {
    if (open) sections.set(open.id, finish(open, file));
    open = undefined;
  };
  for (const line of text.split('\n')) {
    lineNumber++;
    const fail = (problem: string): GranaryError => syntaxError(file, lineNumber, problem);
    if (line.trim() === '') {
      close();
    } else if (/^\s*#/.test(line)) {
      // A comment of somebody who edits by hand; the format itself has none.
    } else if (/^\s/.test(line)) {
      if (!open) throw fail('syntax error (expected header)');
      addProperty(open, line, fail);
    } else {
      close();
      open = startSection(format, line, lineNumber, fail);
    }
  }
  close();
  return sections;
}

/** The file's text: one tab, keys in alphabetical order, a blank line between sections. Throws `config-invalid` for what could not be read back. */
export function serializeSections(format: SectionFormat, sections: Sections, file: string): string {
  const blocks: string[] = [];
  for (const section of sections.values()) {
    const fail = (problem: string): GranaryError =>
      new GranaryError('config-invalid', `cannot write "${file}": ${section.type} '${section.id}': ${problem}`);
    const type = Object.hasOwn(format.types, section.type) ? format.types[section.type] : undefined;
    if (!type && !format.keepUnknown) throw fail(`unknown section type '${section.type}'`);
    const problem = hasControl(section.id) ? 'control character in id' : type && idProblem(type, section.id);
    if (problem) throw fail(problem);
    let block = `${section.type}: ${section.id}\n`;
    for (const key of Object.keys(section.values).sort()) {
      const value = section.values[key];
      if (value === undefined || value === null) continue;
      const schema = type && propertySchema(type, key);
      if (!schema && !format.keepUnknown) throw fail(`unknown property '${key}'`);
      const wrong = schema && checkValue(schema, value);
      if (wrong) throw fail(`property '${key}': ${wrong}`);
      for (const element of Array.isArray(value) ? value : [value]) {
        const text = formatValue(element);
        if (hasControl(text)) throw fail(`property '${key}': control character in value`);
        block += `\t${key} ${text}\n`;
      }
    }
    if (type) {
      const missing = missingProperty(type, section.values);
      if (missing) throw fail(`property '${missing}' is missing and it is not optional.`);
    }
    blocks.push(block);
  }
  return blocks.join('\n');
}

/** The section as one object, its id among the properties. */
export function sectionObject(type: SectionType, section: Section): Record<string, ConfigValue> {
  return { [type.id]: section.id, ...section.values };
}

interface OpenSection {
  type: string;
  id: string;
  definition: SectionType | undefined;
  keepUnknown: boolean;
  line: number;
  values: Record<string, ConfigValue>;
}

function startSection(
  format: SectionFormat,
  line: string,
  lineNumber: number,
  fail: (problem: string) => GranaryError,
): OpenSection {
  const header = /^([A-Za-z][^\s:]*)\s*:\s*(.*)$/s.exec(line);
  const type = header?.[1];
  const id = header?.[2]?.trim();
  if (type === undefined || id === undefined || id === '') throw fail('syntax error (expected header)');
  const definition = Object.hasOwn(format.types, type) ? format.types[type] : undefined;
  if (!definition && !format.keepUnknown) throw fail(`unknown section type '${type}'`);
  const problem = definition && idProblem(definition, id);
  if (problem) throw fail(problem);
  return { type, id, definition, keepUnknown: format.keepUnknown ?? false, line: lineNumber, values: {} };
}

function addProperty(open: OpenSection, line: string, fail: (problem: string) => GranaryError): void {
  const match = /^\s+(\S+)\s(.*)$/s.exec(line);
  const key = match?.[1];
  if (key === undefined) throw fail('syntax error (expected section properties)');
  const text = match![2]!.trim();
  const schema = open.definition && propertySchema(open.definition, key);
  if (!schema) {
    if (!open.keepUnknown || key === '__proto__') throw fail(`unknown property '${key}'`);
    open.values[key] = [...listAt(open.values, key), text];
    return;
  }
  const parsed = parseValue(schema, text);
  if (parsed.problem !== undefined) throw fail(`property '${key}': ${parsed.problem}`);
  if (isArraySchema(schema)) {
    open.values[key] = [...listAt(open.values, key), String(parsed.value)];
  } else {
    if (Object.hasOwn(open.values, key)) throw fail(`duplicate property '${key}'`);
    open.values[key] = parsed.value;
  }
}

function finish(open: OpenSection, file: string): Section {
  const missing = open.definition && missingProperty(open.definition, open.values);
  if (missing) throw syntaxError(file, open.line, `property '${missing}' is missing and it is not optional.`);
  return { type: open.type, id: open.id, values: open.values };
}

function listAt(values: Record<string, ConfigValue>, key: string): string[] {
  const value = Object.hasOwn(values, key) ? values[key] : undefined;
  return Array.isArray(value) ? value.map(String) : [];
}

function propertySchema(type: SectionType, key: string): TSchema | undefined {
  const { properties = {} } = type.schema as RawSchema;
  return key !== type.id && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

function idProblem(type: SectionType, id: string): string | undefined {
  const schema = (type.schema as RawSchema).properties?.[type.id];
  const problem = schema && checkValue(schema, id);
  return problem && `property '${type.id}': ${problem}`;
}

function missingProperty(type: SectionType, values: Readonly<Record<string, ConfigValue>>): string | undefined {
  const { required = [] } = type.schema as RawSchema;
  return required.find((key) => key !== type.id && !Object.hasOwn(values, key));
}

function syntaxError(file: string, line: number, problem: string): GranaryError {
  return new GranaryError('config-invalid', `parsing "${file}" failed: line ${line} - ${problem}`, {
    details: { file, line },
  });
}

function hasControl(text: string): boolean {
  return /[\u0000-\u001f\u007f]/.test(text);
}
