// A pull that is no job.

import { GranaryError } from '../base/errors.ts';
import { RemoteConfig } from '../config/remote-config.ts';
import { syncParameters } from '../sync/parameters.ts';
import { pullInTask } from '../sync/pull-task.ts';
import { callerOf } from '../wire/authorize.ts';
import { implement } from '../wire/implement.ts';
import { pull } from './pull.contract.ts';
import { requireKeys, requirePull } from './sync-access.ts';

export const pullEndpoints = [
  implement(pull, async ({ 'decryption-keys': keys = [], ...given }, call) => {
    const caller = callerOf(call);
    requirePull(call, given);
    requireKeys(call, keys);
    if (given.remote === undefined && given['remote-store'] === given.store) {
      throw new GranaryError('bad-request', "can't sync to same datastore");
    }
    if (given.remote !== undefined) new RemoteConfig(call.server.directories).get(given.remote);
    const parameters = syncParameters({ ...given, 'associated-key': keys }, caller);
    const start = { type: 'sync', id: given.store, authId: caller, peer: call.peer };
    const task = await call.server.tasks.start(start, async (worker) => {
      await pullInTask(call.server, parameters, worker);
    });
    return task.upid;
  }),
];
