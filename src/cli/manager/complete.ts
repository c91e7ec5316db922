// Completion of what the local server knows: datastores, users, tokens, roles, names of configured objects.

import type { Completer } from '../framework/command.ts';
import { openLocalServer } from './local-server.ts';

/** Offers a field of the entries of a list that the API has. */
export function completeNames(path: string, field: string): Completer {
  return async (_word, _values, terminal) => {
    await using server = await openLocalServer(terminal);
    const list = (await server.call('GET', path)) as Record<string, unknown>[];
    return list.map((entry) => String(entry[field]));
  };
}

export const completeDatastore = completeNames('config/datastore', 'name');
export const completeUser = completeNames('access/users', 'userid');
export const completeRole = completeNames('access/roles', 'roleid');

export const completeToken: Completer = (word, values, terminal) =>
  completeNames(`access/users/${encodeURIComponent(values['userid'] ?? '')}/token`, 'token-name')(
    word,
    values,
    terminal,
  );

/** Users and, after a `!`, the tokens of the user before it. */
export const completeAuthId: Completer = async (word, values, terminal) => {
  const bang = word.lastIndexOf('!');
  if (bang < 0) return await completeUser(word, values, terminal);
  const path = `access/users/${encodeURIComponent(word.slice(0, bang))}/token`;
  return await completeNames(path, 'tokenid')(word, values, terminal);
};

export const completeRemote = completeNames('config/remote', 'name');

/** Namespaces of the datastore that the line names. */
export const completeNamespace: Completer = (word, values, terminal) =>
  completeNames(`admin/datastore/${encodeURIComponent(values['store'] ?? '')}/namespace`, 'ns')(word, values, terminal);

/** Datastores of the remote that the line names, or of this server. */
export const completeRemoteStore: Completer = (word, values, terminal) => {
  const remote = values['remote'];
  if (remote === undefined) return completeDatastore(word, values, terminal);
  return completeNames(`config/remote/${encodeURIComponent(remote)}/scan`, 'store')(word, values, terminal);
};
