// Every program of the project by the name it is started with; `granary` offers all of them as sub-commands.

import { limitHeapGrowth } from '../base/heap-growth.ts';
import { oftenUsed } from './client/often-used.ts';
import { type Command, type CommandGroup, defineGroup, listCommands } from './framework/command.ts';
import { completionScript } from './framework/completion-scripts.ts';
import { runProgram } from './framework/run.ts';
import type { Terminal } from './framework/terminal.ts';

export interface ProgramEntry {
  /** The name below `granary`. */
  short: string;
  summary: string;
  load(): Promise<Command | CommandGroup>;
  /** Handles trees: without a limit garbage takes three times the memory of what is in use. */
  handlesTrees?: boolean;
  /** Some of its commands, each loaded by itself. */
  oftenUsed?: Readonly<Record<string, () => Promise<Command>>>;
}

export const programs: Readonly<Record<string, ProgramEntry>> = {
  'proxmox-backup-client': {
    short: 'client',
    summary: 'Back up to and restore from a backup server.',
    load: async () => (await import('./client/commands.ts')).clientCommands,
    handlesTrees: true,
    oftenUsed,
  },
  'proxmox-backup-manager': {
    short: 'manager',
    summary: 'Manage the backup server on this machine.',
    load: async () => reachable((await import('./manager/commands.ts')).managerCommands),
  },
  'proxmox-backup-proxy': {
    short: 'proxy',
    summary: 'Run the backup server.',
    load: async () => (await import('./proxy/command.ts')).proxyCommand,
  },
  'proxmox-backup-api': {
    short: 'api-daemon',
    summary: 'Run the privileged part of an installed server.',
    load: async () => (await import('./api-daemon/command.ts')).apiDaemonCommand,
  },
  'proxmox-mail-forward': {
    short: 'mail-forward',
    summary: 'Make a notification of a mail.',
    load: async () => (await import('./mail-forward/command.ts')).mailForwardCommand,
  },
  pxar: {
    short: 'pxar',
    summary: 'Archives of directory trees.',
    load: async () => (await import('./pxar/commands.ts')).pxarCommands,
    handlesTrees: true,
  },
  'proxmox-backup-debug': {
    short: 'debug',
    summary: 'Look into what is stored.',
    load: async () => (await import('./debug/commands.ts')).debugCommands,
  },
};

/** What `granary` offers besides the programs: groups of commands that belong to one of them, closer at hand. */
export const shortcuts: Readonly<Record<string, () => Promise<CommandGroup>>> = {
  api: async () => reachable((await import('./debug/api.ts')).apiCommands),
  audit: async () => (await import('./audit/commands.ts')).auditCommands,
};

/** Commands about the server on this machine can be about another one, too. */
async function reachable(group: CommandGroup): Promise<CommandGroup> {
  return (await import('./manager/remote.ts')).withRemoteServers(group);
}

/** The script that completes a program's command lines in a shell. */
export function programCompletion(name: string, shell: Parameters<typeof completionScript>[1]): string {
  return completionScript(name, shell);
}

/** Runs a command line of one of the programs and gives its exit code; `shown` is what the user typed to get here. */
export async function runNamed(
  name: string,
  words: readonly string[],
  terminal: Terminal,
  shown = name,
): Promise<number> {
  const program = programs[name];
  if (!program) throw new TypeError(`no such program '${name}'`);
  if (program.handlesTrees) limitHeapGrowth(60);
  const [word = ''] = words;
  const { oftenUsed = {} } = program;
  const tree = Object.hasOwn(oftenUsed, word)
    ? defineGroup(program.summary, { [word]: await oftenUsed[word]!() })
    : await program.load();
  return runProgram(shown, tree, words, terminal);
}

/** Every command that is not hidden, program by program, with the words that lead to it. */
export async function* everyCommand(): AsyncGenerator<{ program: string; path: readonly string[]; command: Command }> {
  for (const [program, entry] of Object.entries(programs)) {
    for (const { path, command } of listCommands(await entry.load())) yield { program, path, command };
  }
}
