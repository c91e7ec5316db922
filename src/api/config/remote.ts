// Remotes: other servers to sync with, and what is on them.

import { GranaryError, messageOf } from '../../base/errors.ts';
import { connectToRemote } from '../../client/remote-connection.ts';
import { encodeRemotePassword, RemoteConfig } from '../../config/remote-config.ts';
import type { Remote } from '../../config/remote-schema.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { implementConfig } from '../config-object.ts';
import { remoteContracts, scanRemote, scanRemoteGroups, scanRemoteNamespaces } from './remote.contract.ts';

type Stores = { store: string }[];
type Namespaces = { ns: string }[];
type Groups = {
  'backup-type': 'vm' | 'ct' | 'host';
  'backup-id': string;
  'last-backup': number;
  'backup-count': number;
  files: string[];
}[];

export const remoteEndpoints = [
  ...Object.values(
    implementConfig(remoteContracts, {
      open: (directories) => new RemoteConfig(directories),
      visible: (call, { name }) =>
        hasPrivileges(call.server, callerOf(call), `/remote/${name}`, { all: ['Remote.Audit'] }),
      stored({ password, ...given }) {
        const secret = typeof password === 'string' ? { password: encodeRemotePassword(password) } : {};
        return { ...given, ...secret } as Partial<Remote>;
      },
      check(call, next, before) {
        if (next === undefined && before) checkUnused(call, before.name);
      },
    }),
  ),

  implement(scanRemote, async ({ name }, call) => (await ask(call, name, 'admin/datastore')) as Stores),

  implement(scanRemoteNamespaces, async ({ name, store }, call) => {
    const path = `admin/datastore/${encodeURIComponent(store)}/namespace`;
    return (await ask(call, name, path)) as Namespaces;
  }),

  implement(scanRemoteGroups, async ({ name, store, namespace }, call) => {
    const path = `admin/datastore/${encodeURIComponent(store)}/groups`;
    return (await ask(call, name, path, namespace ? { ns: namespace } : {})) as Groups;
  }),
];

function checkUnused(call: CallContext, name: string): void {
  const job = new SyncJobConfig(call.server.directories).list().data.find((one) => one.remote === name);
  if (!job) return;
  throw parameterError('name', `remote '${name}' is used by sync job '${job.id}' (datastore '${job.store}')`);
}

/** The answer of a call to the remote. Throws 500 `failed to scan remote 'R' - ...` whatever is wrong over there. */
async function ask(call: CallContext, name: string, path: string, parameters = {}): Promise<unknown> {
  const { data: remote } = new RemoteConfig(call.server.directories).get(name);
  try {
    await using connection = await connectToRemote(remote, call.server.directories, call.signal);
    const data = await connection.call('GET', path, parameters);
    if (!Array.isArray(data)) throw new GranaryError('protocol', 'the answer is no list');
    return data;
  } catch (error) {
    throw new GranaryError('connection', `failed to scan remote '${name}' - ${messageOf(error)}`, {
      status: 500,
      cause: error,
    });
  }
}
