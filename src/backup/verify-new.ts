// Verification right after a backup, for datastores that are set to it (backup-protocol.md 6, `verify-new`).

import { GranaryError, messageOf } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { verificationThreads } from '../config/datastore-schema.ts';
import { Verification } from '../datastore/verify.ts';
import type { AuthId } from '../model/auth-id.ts';
import { type BackupSnapshot, formatGroup, type Namespace } from '../model/backup.ts';
import type { ServerContext } from '../wire/context.ts';

/** Starts the worker task and returns; the task holds the datastore in use and tells the result. */
export async function startVerifyNew(
  server: ServerContext,
  target: { store: string; ns: Namespace; snapshot: BackupSnapshot; authId: AuthId },
): Promise<void> {
  const { store, ns, snapshot, authId } = target;
  const time = snapshot.time.toString(16).toUpperCase().padStart(8, '0');
  const id = `${store}:${formatGroup(snapshot)}/${time}`;
  try {
    const use = await server.datastores.use(store, 'read');
    await server.tasks.start({ type: 'verify', id, authId }, async (task) => {
      using _ = use;
      task.log('Automatically verifying newly added snapshot');
      const { tuning } = new DatastoreConfig(server.directories).get(store).data;
      const verification = new Verification(use.datastore, {
        upid: task.upid,
        log: (line) => task.log(line),
        threads: verificationThreads({}, tuning),
        clock: server.clock,
        signal: task.signal,
      });
      if (!(await verification.verifySnapshot(ns, snapshot))) {
        throw new GranaryError('bad-request', 'verification failed - please check the log for details');
      }
    });
  } catch (error) {
    server.log('error', 'verify-new-not-started', { store, error: messageOf(error) });
  }
}
