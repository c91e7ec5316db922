// Runs a program: finds the command, parses, runs, turns errors into texts and exit codes (cli.md 1).

import { type ErrorCode, GranaryError, messageOf } from '../../base/errors.ts';
import { type Command, type CommandGroup, defineCommand, resolveCommand } from './command.ts';
import { completeLine } from './completion.ts';
import { completionScript, shells } from './completion-scripts.ts';
import { commandHelp, commandUsage, groupHelp, groupUsage } from './help.ts';
import { option, optional } from './options.ts';
import { parseOptions } from './parse.ts';
import type { Terminal } from './terminal.ts';

/** The field's exit code for every failure. */
const failure = 255;

/**
 * Runs one command line and gives its exit code. `name` is what the user typed to get here (`pxar`, or
 * `granary pxar`), `words` what follows. Everything that can go wrong is printed, nothing is thrown.
 */
export async function runProgram(
  name: string,
  root: Command | CommandGroup,
  words: readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (root.kind === 'command') return runSingle(name, root, words, terminal);
  const tree = withBuiltins(name, root);
  const found = resolveCommand(tree, words);
  if (found.kind === 'group') return groupProblem(name, root, found, terminal);
  return runCommand(name, found.path, found.command, found.rest, terminal);
}

/** A program without sub-commands. */
async function runSingle(
  name: string,
  command: Command,
  words: readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (words[0] === 'bashcomplete') {
    const candidates = await completeLine(name, command, terminal);
    terminal.print(candidates.map((candidate) => `${candidate}\n`).join(''));
    return 0;
  }
  if (words[0] === 'help') return printHelp(name, [], command, terminal);
  const shell = words[0] === 'completion' ? shells.find((known) => known === words[1]) : undefined;
  if (shell !== undefined) {
    terminal.print(completionScript(name, shell));
    return 0;
  }
  return runCommand(name, [], command, words, terminal);
}

async function runCommand(
  name: string,
  path: readonly string[],
  command: Command,
  words: readonly string[],
  terminal: Terminal,
): Promise<number> {
  // No option takes a word that starts with a dash as its value, so these always ask for help.
  const options = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  if (options.includes('--help') || options.includes('-h')) return printHelp(name, path, command, terminal);
  try {
    const { values, undeclared } = parseOptions(command, words);
    await command.run(values, terminal, undeclared);
    terminal.setStatus(undefined);
    return 0;
  } catch (error) {
    terminal.setStatus(undefined);
    return reportError(error, terminal, () => commandUsage(name, path, command));
  }
}

function printHelp(name: string, path: readonly string[], command: Command, terminal: Terminal): number {
  terminal.print(commandHelp(name, path, command));
  return 0;
}

/** Prints an error as tools do, its hint below it, and gives the exit code. */
export function reportError(error: unknown, terminal: Terminal, usage?: () => string): number {
  // Where work was interrupted is of no interest to whoever did it.
  const interrupted = terminal.signal.aborted && error instanceof GranaryError && error.code === 'aborted';
  terminal.message(`Error: ${interrupted ? 'interrupted' : messageOf(error)}`);
  if (!(error instanceof GranaryError)) {
    if (terminal.env['PBS_LOG'] === 'debug' && error instanceof Error) terminal.message(String(error.stack));
    return failure;
  }
  if (error.code === 'parameter-invalid' && error.parameters && usage && isLocal(error)) {
    terminal.message(`\n${usage().trimEnd()}`);
  }
  const hint = error.details['hint'] ?? hints[error.code];
  if (typeof hint === 'string' && !isRefusal(error)) terminal.message(hint);
  return error.exitCode;
}

/** What to do about errors that come from many places. */
const hints: Partial<Record<ErrorCode, string>> = {
  'wrong-key': 'Give the key that the backup was made with: --keyfile.',
};

/** Refusals of the server are printed as they are: scripts read them. */
function isRefusal(error: GranaryError): boolean {
  return error.details['remote'] === true;
}

/** Parameter errors of the server are about its parameters: the command's usage would not help. */
function isLocal(error: GranaryError): boolean {
  return !isRefusal(error);
}

function groupProblem(
  name: string,
  root: CommandGroup,
  found: Extract<ReturnType<typeof resolveCommand>, { kind: 'group' }>,
  terminal: Terminal,
): number {
  const wantsHelp = found.unknown === undefined && found.rest.some((word) => word === '--help' || word === '-h');
  if (wantsHelp) {
    terminal.print(groupHelp(name, found.path, found.group, false));
    return 0;
  }
  const group = found.path.length === 0 ? root : found.group;
  if (found.unknown !== undefined) {
    const near = found.candidates.length > 0 ? found.candidates : similarNames(found.unknown, group);
    const advice = near.length > 0 ? `. Did you mean ${near.map((n) => `'${n}'`).join(' or ')}?` : '';
    terminal.message(`Error: no such command '${found.unknown}'${advice}\n`);
  } else {
    terminal.message('Error: no command specified.');
    terminal.message(`Possible commands: ${Object.keys(group.commands).sort().join(', ')}\n`);
  }
  terminal.message(groupUsage(name, found.path, group).trimEnd());
  return failure;
}

/** Names at most two edits away. */
function similarNames(word: string, group: CommandGroup): string[] {
  const names = [...Object.keys(group.commands), ...Object.keys(group.aliases)];
  return names.filter((name) => editDistance(word, name) <= Math.min(2, Math.floor(word.length / 2)));
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The tree with `help`, `completion` and the hidden `bashcomplete` that every tool has. */
function withBuiltins(name: string, root: CommandGroup): CommandGroup {
  const builtins: Record<string, Command> = {
    help: defineCommand({
      summary: 'Print help texts.',
      positional: ['command'],
      options: {
        command: optional(option.list(option.text('A word of the command.'), 'Command to explain.')),
        verbose: optional(option.flag('Print the whole help of each command.')),
      },
      async run({ command = [], verbose = false }, terminal) {
        const found = resolveCommand(tree, command);
        if (found.kind === 'command') terminal.print(commandHelp(name, found.path, found.command));
        else if (found.unknown !== undefined) {
          throw new GranaryError('usage', `no such command '${command.join(' ')}'`, {
            details: { hint: `'${name} help' lists all commands.` },
          });
        } else terminal.print(groupHelp(name, found.path, found.group, verbose));
      },
    }),
    completion: defineCommand({
      summary: 'Print the completion script for a shell.',
      positional: ['shell'],
      options: { shell: option.choice(shells, 'The shell.') },
      examples: ['completion bash > /etc/bash_completion.d/TOOL'],
      hidden: true,
      async run({ shell }, terminal) {
        terminal.print(completionScript(name, shell));
      },
    }),
    bashcomplete: defineCommand({
      summary: 'Print the candidates for the word before the cursor; called by shells.',
      positional: ['word'],
      options: { word: optional(option.list(option.text('What the shell passes.'), 'Ignored.')) },
      hidden: true,
      async run(_values, terminal) {
        const candidates = await completeLine(name, tree, terminal);
        terminal.print(candidates.map((candidate) => `${candidate}\n`).join(''));
      },
    }),
  };
  const tree: CommandGroup = { ...root, commands: { ...root.commands, ...builtins } };
  return tree;
}
