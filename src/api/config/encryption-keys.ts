// Keys of synchronisation: made, archived, removed. The keys themselves are never answered.

import { GranaryError } from '../../base/errors.ts';
import { EncryptionKeyConfig } from '../../config/encryption-key-config.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import type { SyncJob } from '../../config/sync-job-schema.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import {
  createEncryptionKey,
  listEncryptionKeys,
  removeEncryptionKey,
  toggleEncryptionKey,
} from './encryption-keys.contract.ts';

export const encryptionKeyEndpoints = [
  implement(listEncryptionKeys, async ({ 'include-archived': all = false }, call) => {
    const config = new EncryptionKeyConfig(call.server.directories);
    const { data, digest } = config.list();
    call.setAttribute('digest', digest);
    return data
      .filter(({ id }) =>
        hasPrivileges(call.server, callerOf(call), `/system/encryption-keys/${id}`, { all: ['Sys.Audit'] }),
      )
      .filter((key) => all || key['archived-at'] === undefined)
      .map((key) => ({ ...key, path: config.keyPath(key.id) }));
  }),

  implement(createEncryptionKey, async ({ id, key }, call) => {
    await new EncryptionKeyConfig(call.server.directories).createKey(id, key, call.server.clock);
    return null;
  }),

  implement(toggleEncryptionKey, async ({ id }, call) => {
    await new EncryptionKeyConfig(call.server.directories).toggleArchived(id, call.server.clock, (next) => {
      if (next?.['archived-at'] !== undefined) refuseUsed(call, id, (job) => job['active-encryption-key'] === id);
    });
    return null;
  }),

  implement(removeEncryptionKey, async ({ id }, call) => {
    await new EncryptionKeyConfig(call.server.directories).removeKey(id, (_, before) => {
      if (before && before['archived-at'] === undefined) {
        throw new GranaryError('bad-request', `encryption key '${id}' is not archived`);
      }
      refuseUsed(
        call,
        id,
        (job) => job['active-encryption-key'] === id || job['associated-key']?.includes(id) === true,
      );
    });
    return null;
  }),
];

function refuseUsed(call: CallContext, id: string, uses: (job: SyncJob) => boolean): void {
  const job = new SyncJobConfig(call.server.directories).list().data.find(uses);
  if (!job) return;
  throw new GranaryError(
    'bad-request',
    `encryption key '${id}' is used by sync job '${job.id}' (datastore '${job.store}')`,
  );
}
