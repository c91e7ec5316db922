// Reading and checking the audit log.

import { verifyAuditLog } from '../../../audit/audit-verify.ts';
import { implement } from '../../../wire/implement.ts';
import { listAudit, verifyAudit } from './audit.contract.ts';

export const auditEndpoints = [
  implement(listAudit, async ({ userfilter, ...filter }, call) => {
    const { data, total } = call.server.audit.list({
      ...filter,
      ...(userfilter === undefined ? {} : { user: userfilter }),
    });
    call.setAttribute('total', total);
    return data;
  }),

  implement(verifyAudit, async ({ head }, call) => verifyAuditLog(call.server.directories, head)),
];
