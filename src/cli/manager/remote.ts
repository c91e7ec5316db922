// Lets every command of the manager work on another machine's server: `--repository USER@REALM!TOKEN@HOST[:PORT]`
// (cli.md 3). The command itself asks `openLocalServer` for the server as ever.

import type { TProperties } from '../../model/type.ts';
import type { Command, CommandGroup, Completer } from '../framework/command.ts';
import { option, optional, optionSet } from '../framework/options.ts';
import { type Terminal, withEnvironment } from '../framework/terminal.ts';

/** Where `openLocalServer` finds the server that was asked for; not meant to be set by users. */
export const remoteVariable = 'GRANARY_MANAGER_REPOSITORY';

const repository = optional(
  option.text('Server on another machine: [AUTH-ID@]SERVER[:PORT], with PBS_PASSWORD and PBS_FINGERPRINT.', {
    valueName: 'repository',
  }),
);

/** The group with `--repository` on each of its commands. */
export function withRemoteServers(group: CommandGroup): CommandGroup {
  const commands = Object.entries(group.commands).map(([name, child]): [string, Command | CommandGroup] => [
    name,
    child.kind === 'group' ? withRemoteServers(child) : withRepository(child),
  ]);
  return { ...group, commands: Object.fromEntries(commands) };
}

function withRepository(command: Command): Command {
  const properties = command.options.properties as TProperties;
  const complete = Object.entries(command.complete).map(([name, completer]): [string, Completer] => [
    name,
    (word, values, terminal) => completer(word, values, directed(terminal, values['repository'])),
  ]);
  return {
    ...command,
    options: optionSet({ ...properties, repository }),
    complete: Object.fromEntries(complete),
    run: ({ repository: text, ...values }, terminal, undeclared) =>
      command.run(values, directed(terminal, text as string | undefined), undeclared),
  };
}

function directed(terminal: Terminal, text: string | undefined): Terminal {
  return text === undefined ? terminal : withEnvironment(terminal, { ...terminal.env, [remoteVariable]: text });
}
