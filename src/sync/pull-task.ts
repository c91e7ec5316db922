// A pull as a worker task does it: opens both sides (sync.md 2).

import { GranaryError } from '../base/errors.ts';
import { connectToRemote } from '../client/remote-connection.ts';
import { EncryptionKeyConfig } from '../config/encryption-key-config.ts';
import { RemoteConfig } from '../config/remote-config.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { DatastoreUse } from '../wire/context.ts';
import { ChunkCrypt } from './chunk-crypt.ts';
import { LocalSource } from './local-source.ts';
import type { SyncParameters } from './parameters.ts';
import { pull } from './pull.ts';
import { pullMemory } from './pull-chunks.ts';
import { RemoteSource } from './remote-source.ts';
import type { SyncSource } from './source.ts';
import { type SyncRooms, syncInTask } from './sync-task.ts';

/** Throws when something could not be pulled, and `sync aborted` when the task was asked to stop. */
export async function pullInTask(server: SyncRooms, parameters: SyncParameters, task: WorkerTask): Promise<void> {
  if (parameters.remote === undefined && parameters.remoteStore === parameters.store) {
    throw new GranaryError('bad-request', "can't sync to same datastore");
  }
  await syncInTask(server, 'pull', parameters, task, async (statistics) => {
    await using decryption = await openDecryption(server, parameters.decryptionKeys);
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
      decryption,
      statistics,
      log: task,
      signal: task.signal,
      clock: server.clock,
    });
  });
}

/** Throws when one of the keys is not there: what it encrypts must not be stored encrypted by mistake. */
async function openDecryption({ directories }: SyncRooms, ids: readonly string[]): Promise<ChunkCrypt | undefined> {
  if (ids.length === 0) return undefined;
  const config = new EncryptionKeyConfig(directories);
  const keys = await Promise.all(ids.map((id) => config.open(id)));
  return new ChunkCrypt({ keys, memory: pullMemory() });
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
