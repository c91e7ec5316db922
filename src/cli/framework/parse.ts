// Splits the words after a command's name into option values (cli.md 1).

import { GranaryError } from '../../base/errors.ts';
import { type Command, isRequired, optionSchema, type UndeclaredOptions } from './command.ts';
import type { OptionSchema } from './options.ts';
import { convertValue, parseBoolean } from './values.ts';

interface Problem {
  name: string;
  text: string;
}

/** What the words say, before any check: values by option name in order of appearance, and the problems of form. */
export interface RawOptions {
  given: Map<string, string[]>;
  problems: Problem[];
  /** The option that the last word leaves open: the next word would be its value (for completion). */
  open: string | undefined;
  /** How many words were taken by position. */
  positionals: number;
}

/** Sorts words into options: `--name value`, `--name=value`, `-name`, positionals anywhere, `--` ends options. */
export function splitWords(command: Command, words: readonly string[]): RawOptions {
  const given = new Map<string, string[]>();
  const problems: Problem[] = [];
  const loose: string[] = [];
  let open: string | undefined;
  const add = (name: string, value: string): void => {
    const list = given.get(name);
    if (list) list.push(value);
    else given.set(name, [value]);
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    open = undefined;
    if (word === '--') {
      loose.push(...words.slice(i + 1));
      break;
    }
    const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(word);
    if (!match || word === '-' || /^-\d/.test(word)) {
      loose.push(word);
      continue;
    }
    const name = match[1]!;
    const schema = optionSchema(command, name);
    if (match[2] !== undefined) {
      add(name, match[2]);
      continue;
    }
    const next = words[i + 1];
    const element = schema?.type === 'array' ? schema.items : schema;
    if (element?.type === 'boolean') {
      if (next !== undefined && parseBoolean(next) !== undefined) {
        add(name, next);
        i++;
      } else if (element.default === true) problems.push({ name, text: 'missing parameter value.' });
      else add(name, 'true');
      continue;
    }
    if (next !== undefined && isValueWord(next)) {
      add(name, next);
      i++;
    } else {
      open = next === undefined ? name : undefined;
      if (schema?.secret) add(name, '');
      else if (schema) problems.push({ name, text: 'missing parameter value.' });
      else add(name, '');
    }
  }
  const positionals = placePositionals(command, loose, given, add, problems);
  return { given, problems, open, positionals };
}

/** Whether a word can be the value of the option before it. */
function isValueWord(word: string): boolean {
  return word === '-' || !word.startsWith('-') || /^-\d/.test(word);
}

/** Gives loose words to the positional options in order, but for those given by name. Returns how many were placed. */
function placePositionals(
  command: Command,
  loose: readonly string[],
  given: ReadonlyMap<string, string[]>,
  add: (name: string, value: string) => void,
  problems: Problem[],
): number {
  let at = 0;
  for (const name of command.positional) {
    if (at >= loose.length) break;
    if (given.has(name)) continue;
    if (optionSchema(command, name)?.type === 'array') {
      while (at < loose.length) add(name, loose[at++]!);
    } else add(name, loose[at++]!);
  }
  if (at < loose.length) problems.push({ name: loose[at]!, text: 'too many arguments' });
  return at;
}

/**
 * Parses and checks the words after a command's name. Throws `parameter-invalid` with one text per bad option;
 * options with a default and no value get the default.
 */
export function parseOptions(
  command: Command,
  words: readonly string[],
): { values: Record<string, unknown>; undeclared: UndeclaredOptions } {
  const { given, problems } = splitWords(command, words);
  const values: Record<string, unknown> = {};
  const undeclared = new Map<string, string[]>();
  for (const [name, list] of given) {
    const schema = optionSchema(command, name);
    if (!schema) {
      if (command.open) undeclared.set(name, list);
      else problems.push({ name, text: 'schema does not allow additional properties.' });
      continue;
    }
    const value = convertAll(schema, name, list, problems);
    if (value !== undefined) values[name] = value;
  }
  for (const name of Object.keys(command.options.properties)) {
    if (given.has(name)) continue;
    const schema = optionSchema(command, name)!;
    if (schema.default !== undefined) values[name] = schema.default;
    else if (isRequired(command, name) && !problems.some((p) => p.name === name)) {
      problems.push({ name, text: 'missing argument' });
    }
  }
  if (problems.length > 0) throw parameterError(problems);
  return { values, undeclared };
}

function convertAll(schema: OptionSchema, name: string, words: readonly string[], problems: Problem[]): unknown {
  const isArray = schema.type === 'array';
  if (!isArray && words.length > 1) {
    problems.push({ name, text: 'duplicate parameter.' });
    return undefined;
  }
  const results: unknown[] = [];
  for (const word of words) {
    const converted = convertValue(isArray ? schema.items! : schema, word);
    if ('error' in converted) problems.push({ name, text: converted.error });
    else results.push(converted.value);
  }
  return isArray ? results : results[0];
}

function parameterError(problems: readonly Problem[]): GranaryError {
  const parameters = Object.fromEntries(problems.map((p) => [p.name, p.text]));
  const message =
    problems.length === 1
      ? `parameter verification failed - '${problems[0]!.name}': ${problems[0]!.text}`
      : ['parameter verification failed:', ...problems.map((p) => `- '${p.name}': ${p.text}`)].join('\n');
  return new GranaryError('parameter-invalid', message, { parameters });
}
