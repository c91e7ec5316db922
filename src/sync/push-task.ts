// A push as a worker task does it: opens both sides (sync.md 2).

import { GranaryError } from '../base/errors.ts';
import { connectToRemote } from '../client/remote-connection.ts';
import { EncryptionKeyConfig } from '../config/encryption-key-config.ts';
import { RemoteConfig } from '../config/remote-config.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import { LocalSource } from './local-source.ts';
import type { SyncParameters } from './parameters.ts';
import { push } from './push.ts';
import { pushMemory } from './push-chunks.ts';
import { PushTarget } from './push-target.ts';
import { type SyncRooms, syncInTask } from './sync-task.ts';

/** Throws when something could not be pushed, and `sync aborted` when the task was asked to stop. */
export async function pushInTask(server: SyncRooms, parameters: SyncParameters, task: WorkerTask): Promise<void> {
  if (parameters.remote === undefined) throw new GranaryError('bad-request', 'a push needs a remote');
  const { remote: name } = parameters;
  await syncInTask(server, 'push', parameters, task, async (statistics) => {
    using use = await server.datastores.use(parameters.store, 'read');
    const privileges = (authId: string, path: string) => server.access.privileges(authId, path);
    const crypt = parameters.encryptionKey === undefined ? undefined : await openKey(server, parameters.encryptionKey);
    const { data: remote } = new RemoteConfig(server.directories).get(name);
    const connection = await connectToRemote(remote, server.directories, task.signal, parameters.limits);
    await using target = await PushTarget.open(connection, parameters.remoteStore, remote['auth-id']);
    await using source = new LocalSource(use.datastore, parameters.owner, privileges);
    await push({
      parameters,
      source,
      target,
      privileges,
      statistics,
      crypt,
      memory: pushMemory(),
      log: task,
      signal: task.signal,
      clock: server.clock,
    });
  });
}

/** The key that snapshots are encrypted with. Throws when there is none of that name, or it is archived. */
async function openKey({ directories }: SyncRooms, id: string): Promise<CryptConfig> {
  const keys = new EncryptionKeyConfig(directories);
  if (keys.get(id).data['archived-at'] !== undefined) {
    throw new GranaryError('bad-request', `encryption key '${id}' is archived, nothing is encrypted with it any more`);
  }
  return await keys.open(id);
}
