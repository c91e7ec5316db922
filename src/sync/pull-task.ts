// A pull as a worker task does it: opens both sides (sync.md 2).

import { GranaryError } from '../base/errors.ts';
import { connectToRemote } from '../client/remote-connection.ts';
import { RemoteConfig } from '../config/remote-config.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { DatastoreUse } from '../wire/context.ts';
import { LocalSource } from './local-source.ts';
import type { SyncParameters } from './parameters.ts';
import { pull } from './pull.ts';
import { RemoteSource } from './remote-source.ts';
import type { SyncSource } from './source.ts';
import { type SyncRooms, syncInTask } from './sync-task.ts';

/** Throws when something could not be pulled, and `sync aborted` when the task was asked to stop. */
export async function pullInTask(server: SyncRooms, parameters: SyncParameters, task: WorkerTask): Promise<void> {
  if (parameters.remote === undefined && parameters.remoteStore === parameters.store) {
    throw new GranaryError('bad-request', "can't sync to same datastore");
  }
  await syncInTask(server, 'pull', parameters, task, async (statistics) => {
    for (const key of parameters.decryptionKeys) {
      task.warn(`key '${key}' is not on this server: what it encrypts is synced as it is`);
    }
    using use = await server.datastores.use(parameters.store, 'write');
    using other = parameters.remote === undefined ? await server.datastores.use(parameters.remoteStore, 'read') : null;
    const privileges = (authId: string, path: string) => server.access.privileges(authId, path);
    await using source = await openSource(server, parameters, other, task.signal);
    await pull({
      parameters,
      source,
      target: use.datastore,
      sameChunks: other?.datastore.path === use.datastore.path,
      privileges,
      statistics,
      log: task,
      signal: task.signal,
      clock: server.clock,
    });
  });
}

async function openSource(
  server: SyncRooms,
  { remote: name, remoteStore, owner, limits }: SyncParameters,
  local: DatastoreUse | null,
  signal: AbortSignal,
): Promise<SyncSource> {
  if (local) return new LocalSource(local.datastore, owner, (authId, path) => server.access.privileges(authId, path));
  const { data: remote } = new RemoteConfig(server.directories).get(String(name));
  return new RemoteSource(await connectToRemote(remote, server.directories, signal, limits), remoteStore);
}
