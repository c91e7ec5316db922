// A push that is no job.

import { RemoteConfig } from '../config/remote-config.ts';
import { syncParameters } from '../sync/parameters.ts';
import { pushInTask } from '../sync/push-task.ts';
import { callerOf } from '../wire/authorize.ts';
import { implement } from '../wire/implement.ts';
import { push } from './push.contract.ts';
import { requireKeys, requirePush } from './sync-access.ts';

export const pushEndpoints = [
  implement(push, async ({ 'encryption-key': key, ...given }, call) => {
    const caller = callerOf(call);
    requirePush(call, given);
    if (key !== undefined) requireKeys(call, [key]);
    new RemoteConfig(call.server.directories).get(given.remote);
    const parameters = syncParameters({ ...given, 'active-encryption-key': key }, caller);
    const start = { type: 'sync', id: given.store, authId: caller, peer: call.peer };
    const task = await call.server.tasks.start(start, (worker) => pushInTask(call.server, parameters, worker));
    return task.upid;
  }),
];
