// What a user or a token may do, and where (cli.md 5).

import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson } from '../framework/output.ts';
import { completeAuthId } from './complete.ts';
import { openLocalServer } from './local-server.ts';

export const permissions = defineCommand({
  summary: 'Show the privileges of a user or an API token, by path.',
  positional: ['auth-id'],
  options: {
    'auth-id': option.text('User or API token.', { format: 'auth-id', valueName: 'auth-id' }),
    path: optional(option.text('Only this path: / or /datastore/NAME and the like.')),
    ...outputOption,
  },
  complete: { 'auth-id': completeAuthId },
  examples: ['user permissions backup@pbs --path /datastore/ds1'],
  async run({ 'auth-id': authId, path, ...values }, terminal) {
    await using server = await openLocalServer(terminal);
    const parameters = { 'auth-id': authId, ...(path === undefined ? {} : { path }) };
    const map = (await server.call('GET', 'access/permissions', parameters)) as Record<string, Record<string, boolean>>;
    if (printJson(terminal, outputFormat(values, terminal), map)) return;
    let text = 'Privileges with (*) have the propagate flag set\n';
    for (const at of Object.keys(map).sort()) {
      const lines = Object.entries(map[at]!).map(([name, propagates]) => `- ${name}${propagates ? ' (*)' : ''}\n`);
      text += `\nPath: ${at}\n${lines.sort().join('')}`;
    }
    terminal.print(text);
  },
});
