// Making the local part of a datastore anew from its bucket.

import { startS3Refresh } from '../../../jobs/s3-refresh-job.ts';
import { callerOf } from '../../../wire/authorize.ts';
import { implement } from '../../../wire/implement.ts';
import { refreshDatastore } from './s3-refresh.contract.ts';

export const s3RefreshEndpoints = [
  implement(refreshDatastore, async ({ store }, call) => {
    const caller = { authId: callerOf(call), peer: call.peer };
    return (await startS3Refresh(call.server, store, caller)).upid;
  }),
];
