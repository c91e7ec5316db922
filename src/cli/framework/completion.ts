// Candidates for the word before the cursor, from the same declarations as parsing (cli.md 1).

import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { splitLine } from '../words.ts';
import { type Command, type CommandGroup, optionSchema, resolveCommand } from './command.ts';
import type { OptionSchema } from './options.ts';
import { splitWords } from './parse.ts';
import type { Terminal } from './terminal.ts';

export { splitLine } from '../words.ts';

/** Candidates for the line in COMP_LINE up to COMP_POINT. Never throws: no candidates is the answer to trouble. */
export async function completeLine(name: string, root: Command | CommandGroup, terminal: Terminal): Promise<string[]> {
  const line = terminal.env['COMP_LINE'] ?? '';
  const point = Number(terminal.env['COMP_POINT'] ?? line.length);
  const words = splitLine(line.slice(0, Number.isSafeInteger(point) ? point : line.length));
  // A program inside `granary` has a name of several words; the shell's line starts with the first of them.
  const skip = words[0]?.endsWith('granary') ? name.split(' ').length : 1;
  const word = words.at(-1)!;
  try {
    const found = await candidatesFor(root, words.slice(skip, -1), word, terminal);
    return found.map((candidate) => (terminal.env['GRANARY_WHOLE_WORDS'] ? candidate : lastPart(candidate, word)));
  } catch {
    return [];
  }
}

/** bash breaks words at `:` and `=`, so a candidate may only hold what follows the last of them. */
function lastPart(candidate: string, word: string): string {
  const at = Math.max(word.lastIndexOf(':'), word.lastIndexOf('='));
  return candidate.startsWith(word.slice(0, at + 1)) ? candidate.slice(at + 1) : candidate;
}

async function candidatesFor(
  root: Command | CommandGroup,
  before: readonly string[],
  word: string,
  terminal: Terminal,
): Promise<string[]> {
  const inHelp = before[0] === 'help';
  const found = resolveCommand(root, inHelp ? before.slice(1) : before);
  if (found.kind === 'group') {
    if (found.unknown !== undefined) return [];
    const names = Object.entries(found.group.commands)
      .filter(([, child]) => child.kind === 'group' || !child.hidden)
      .map(([name]) => name);
    return matching([...names, ...Object.keys(found.group.aliases)], word);
  }
  return inHelp ? [] : optionCandidates(found.command, found.rest, word, terminal);
}

async function optionCandidates(
  command: Command,
  before: readonly string[],
  word: string,
  terminal: Terminal,
): Promise<string[]> {
  const raw = splitWords(command, before);
  const values = Object.fromEntries([...raw.given].map(([name, list]) => [name, list.at(-1)!]));
  const value = async (name: string, text: string): Promise<string[]> => {
    const completer = command.complete[name];
    const schema = optionSchema(command, name);
    const all = completer ? await completer(text, values, terminal) : schema ? schemaCandidates(schema, text) : [];
    return matching(all, text);
  };
  if (raw.open !== undefined) return value(raw.open, word);
  const assigned = /^--([^=]+)=(.*)$/.exec(word);
  if (assigned) return (await value(assigned[1]!, assigned[2]!)).map((text) => `--${assigned[1]}=${text}`);
  if (word.startsWith('-')) {
    const free = Object.keys(command.options.properties).filter(
      (name) => !raw.given.has(name) || optionSchema(command, name)!.type === 'array',
    );
    return matching(
      free.map((name) => `--${name}`),
      word,
    );
  }
  const open = command.positional.filter((name, index) => {
    return optionSchema(command, name)!.type === 'array' ? index <= raw.positionals : index >= raw.positionals;
  });
  return open[0] === undefined ? [] : value(open[0], word);
}

function schemaCandidates(schema: OptionSchema, text: string): string[] {
  if (schema.type === 'array') return schemaCandidates(schema.items!, text);
  if (schema.enum) return [...schema.enum];
  if (schema.type === 'boolean') return ['true', 'false'];
  return [];
}

function matching(candidates: readonly string[], word: string): string[] {
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(word)).sort();
}

/** Names of files that start with `word`, directories with a slash at the end. */
export async function completeFileNames(word: string): Promise<string[]> {
  const directory = word.endsWith('/')
    ? word
    : dirname(word) === '.' && !word.startsWith('.')
      ? ''
      : `${dirname(word)}/`;
  const stem = word.endsWith('/') ? '' : basename(word);
  const entries = readdirSync(directory === '' ? '.' : directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.name.startsWith(stem))
    .map((entry) => `${directory.replace(/\/\/$/, '/')}${entry.name}${entry.isDirectory() ? '/' : ''}`);
}
