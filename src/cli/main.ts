// Entry of every command line program: `main.ts PROGRAM WORD...`, called by the launchers in bin/.

import { type Command, type CommandGroup, defineGroup } from './framework/command.ts';
import { runProgram } from './framework/run.ts';
import { ProcessTerminal } from './framework/terminal.ts';
import { programs, runNamed, shortcuts } from './programs.ts';

/** Finds the program a word means: its name, its short name, or a unique prefix of either. */
function findProgram(word: string): string | undefined {
  const names = Object.keys(programs);
  const exact = names.find((name) => name === word || programs[name]!.short === word);
  if (exact !== undefined) return exact;
  const near = names.filter((name) => name.startsWith(word) || programs[name]!.short.startsWith(word));
  return near.length === 1 ? near[0] : undefined;
}

/** The tree of `granary` itself: every program as a sub-command, under its short and its full name, and shortcuts. */
async function everything(): Promise<CommandGroup> {
  const commands: Record<string, Command | CommandGroup> = {};
  const aliases: Record<string, readonly string[]> = {};
  for (const [name, program] of Object.entries(programs)) {
    commands[program.short] = await program.load();
    aliases[name] = [program.short];
  }
  for (const [name, load] of Object.entries(shortcuts)) commands[name] = await load();
  return defineGroup('Backup server and client.', commands, aliases);
}

async function main(words: readonly string[]): Promise<number> {
  const terminal = new ProcessTerminal();
  const [name = 'granary', ...rest] = words;
  if (name !== 'granary') return runNamed(name, rest, terminal);
  const shortcut = Object.hasOwn(shortcuts, rest[0] ?? '');
  const program = rest[0] === undefined || shortcut ? undefined : findProgram(rest[0]);
  if (program === undefined) return runProgram('granary', await everything(), rest, terminal);
  return runNamed(program, rest.slice(1), terminal, `granary ${rest[0]}`);
}

// Output to a pipe may still be under way: the code is set, and the process ends when that is done.
process.exitCode = await main(process.argv.slice(2));
