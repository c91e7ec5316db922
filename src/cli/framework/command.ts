// What a command is: one declaration from which parsing, help, error texts and completion all come (cli.md 1).

import type { TObject, TProperties } from '../../model/type.ts';
import { type OptionSchema, type OptionValues, optionSet } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Candidates for a word; `values` holds what the line has already given, unchecked. Never prompts, never throws. */
export type Completer = (word: string, values: Record<string, string>, terminal: Terminal) => Promise<string[]>;

/** Options of an `open` command that it does not declare, as they were given; a flag without a value is empty. */
export type UndeclaredOptions = ReadonlyMap<string, readonly string[]>;

export interface Command {
  readonly kind: 'command';
  readonly summary: string;
  readonly description: string | undefined;
  /** Option names that are also taken by position, in this order; an array option takes all that is left. */
  readonly positional: readonly string[];
  readonly options: TObject;
  readonly examples: readonly string[];
  readonly complete: Readonly<Record<string, Completer>>;
  /** Left out of lists and completion. */
  readonly hidden: boolean;
  /** Whether options that are not declared are taken, too. */
  readonly open: boolean;
  /** Resolves when the command has done its work; throws `GranaryError`, whose code decides the exit code. */
  run(values: Record<string, unknown>, terminal: Terminal, undeclared: UndeclaredOptions): Promise<void>;
}

export interface CommandGroup {
  readonly kind: 'group';
  readonly summary: string;
  readonly commands: Readonly<Record<string, Command | CommandGroup>>;
  /** Other names of commands below this group, as paths: `snapshots` for `snapshot list`. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
}

interface Declaration<P extends TProperties> {
  summary: string;
  description?: string;
  positional?: readonly (keyof P & string)[];
  options: P;
  examples?: readonly string[];
  complete?: { [K in keyof P]?: Completer };
  hidden?: boolean;
  open?: boolean;
  run(values: OptionValues<P>, terminal: Terminal, undeclared: UndeclaredOptions): Promise<void>;
}

/** Declares a command; `run` sees its options with their static types. */
export function defineCommand<P extends TProperties>(declaration: Declaration<P>): Command {
  const complete: Record<string, Completer> = {};
  for (const [name, completer] of Object.entries(declaration.complete ?? {})) {
    if (completer) complete[name] = completer as Completer;
  }
  return {
    kind: 'command',
    summary: declaration.summary,
    description: declaration.description,
    positional: declaration.positional ?? [],
    options: optionSet(declaration.options),
    examples: declaration.examples ?? [],
    complete,
    hidden: declaration.hidden ?? false,
    open: declaration.open ?? false,
    run: (values, terminal, undeclared) => declaration.run(values as OptionValues<P>, terminal, undeclared),
  };
}

export function defineGroup(
  summary: string,
  commands: Record<string, Command | CommandGroup>,
  aliases: Record<string, readonly string[]> = {},
): CommandGroup {
  return { kind: 'group', summary, commands, aliases };
}

export function optionSchema(command: Command, name: string): OptionSchema | undefined {
  const { properties } = command.options;
  return Object.hasOwn(properties, name) ? (properties[name] as OptionSchema) : undefined;
}

export function isRequired(command: Command, name: string): boolean {
  return ((command.options.required as readonly string[] | undefined) ?? []).includes(name);
}

export type Resolution =
  | { kind: 'command'; path: string[]; command: Command; rest: string[] }
  | { kind: 'group'; path: string[]; group: CommandGroup; rest: string[]; unknown?: string; candidates: string[] };

/** Walks words down the tree; exact names first, then names of aliases, then unique prefixes of names. */
export function resolveCommand(root: Command | CommandGroup, words: readonly string[]): Resolution {
  let node: Command | CommandGroup = root;
  const path: string[] = [];
  const rest = [...words];
  while (node.kind === 'group') {
    const group: CommandGroup = node;
    const word = rest[0];
    if (word === undefined || word.startsWith('-')) return { kind: 'group', path, group, rest, candidates: [] };
    const found = findName(group, word);
    if (found.names === undefined) {
      return { kind: 'group', path, group, rest, unknown: word, candidates: found.candidates };
    }
    rest.shift();
    for (const name of found.names) {
      node = (node as CommandGroup).commands[name]!;
      path.push(name);
    }
  }
  return { kind: 'command', path, command: node, rest };
}

function findName(group: CommandGroup, word: string): { names?: readonly string[]; candidates: string[] } {
  if (Object.hasOwn(group.commands, word)) return { names: [word], candidates: [] };
  if (Object.hasOwn(group.aliases, word)) return { names: group.aliases[word]!, candidates: [] };
  const candidates = Object.keys(group.commands).filter((name) => name.startsWith(word));
  return candidates.length === 1 ? { names: candidates, candidates } : { candidates };
}

/** Every command that is not hidden, depth first in the order of declaration, with its path. */
export function* listCommands(
  node: Command | CommandGroup,
  path: readonly string[] = [],
): Generator<{ path: readonly string[]; command: Command }> {
  if (node.kind === 'command') {
    if (!node.hidden) yield { path, command: node };
    return;
  }
  for (const [name, child] of Object.entries(node.commands)) yield* listCommands(child, [...path, name]);
}
