// Verification jobs: who may see and change them.

import { VerifyJobConfig } from '../../config/verify-config.ts';
import type { VerifyJob } from '../../config/verify-job-schema.ts';
import { datastoreAclPath, parseNamespace } from '../../model/backup.ts';
import type { Privilege } from '../../model/privileges.ts';
import { callerOf, hasPrivileges, requirePrivileges } from '../../wire/authorize.ts';
import { implementConfig } from '../config-object.ts';
import { keepJobState } from './job-changes.ts';
import { verifyJobContracts } from './verify.contract.ts';

const pathOf = (job: VerifyJob): string => datastoreAclPath(job.store, parseNamespace(job.ns ?? ''));
const see: { any: readonly Privilege[] } = { any: ['Datastore.Audit', 'Datastore.Verify'] };

export const verifyConfigEndpoints = Object.values(
  implementConfig(verifyJobContracts, {
    open: (directories) => new VerifyJobConfig(directories),
    visible: (call, job) => hasPrivileges(call.server, callerOf(call), pathOf(job), see),
    mayRead: (call, job) => requirePrivileges(call, pathOf(job), see),
    check(call, next, before) {
      for (const job of [next, before]) {
        if (job) requirePrivileges(call, pathOf(job), { all: ['Datastore.Verify'] });
      }
    },
    changed: (call, change, given) => keepJobState(call, 'verificationjob', change, given),
  }),
);
