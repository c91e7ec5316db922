// Prune jobs: who may see and change them.

import { PruneJobConfig } from '../../config/prune-config.ts';
import type { PruneJob } from '../../config/prune-job-schema.ts';
import { datastoreAclPath, parseNamespace } from '../../model/backup.ts';
import { callerOf, hasPrivileges, requirePrivileges } from '../../wire/authorize.ts';
import { implementConfig } from '../config-object.ts';
import { keepJobState } from './job-changes.ts';
import { pruneJobContracts } from './prune.contract.ts';

const pathOf = (job: PruneJob): string => datastoreAclPath(job.store, parseNamespace(job.ns ?? ''));

export const pruneConfigEndpoints = Object.values(
  implementConfig(pruneJobContracts, {
    open: (directories) => new PruneJobConfig(directories),
    visible: (call, job) => hasPrivileges(call.server, callerOf(call), pathOf(job), { all: ['Datastore.Audit'] }),
    mayRead: (call, job) => requirePrivileges(call, pathOf(job), { all: ['Datastore.Audit'] }),
    check(call, next, before) {
      for (const job of [next, before]) {
        if (job) requirePrivileges(call, pathOf(job), { all: ['Datastore.Modify'] });
      }
    },
    changed: (call, change, given) => keepJobState(call, 'prunejob', change, given),
  }),
);
