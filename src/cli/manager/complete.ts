// Completion of what the local server knows: datastores, users, tokens, roles.

import type { Completer } from '../framework/command.ts';
import type { Terminal } from '../framework/terminal.ts';
import { openLocalServer } from './local-server.ts';

async function names(terminal: Terminal, path: string, field: string): Promise<string[]> {
  await using server = await openLocalServer(terminal);
  const list = (await server.call('GET', path)) as Record<string, unknown>[];
  return list.map((entry) => String(entry[field]));
}

export const completeDatastore: Completer = (_word, _values, terminal) => names(terminal, 'config/datastore', 'name');
export const completeUser: Completer = (_word, _values, terminal) => names(terminal, 'access/users', 'userid');
export const completeRole: Completer = (_word, _values, terminal) => names(terminal, 'access/roles', 'roleid');

export const completeToken: Completer = (_word, values, terminal) =>
  names(terminal, `access/users/${encodeURIComponent(values['userid'] ?? '')}/token`, 'token-name');
