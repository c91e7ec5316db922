// Worker tasks in the audit log: what backups, restores and jobs ended with, also those that no call has started.

import type { TaskRegistryOptions } from '../task/task-registry.ts';
import type { AuditLog } from './audit-log.ts';

/** For `TaskRegistry.open`: an entry for every task that ends. */
export function auditTasks(audit: AuditLog): NonNullable<TaskRegistryOptions['onEnd']> {
  return async ({ type, id, authId, peer }, upid, status) => {
    await audit.append({
      user: authId,
      ...(peer === undefined ? {} : { peer }),
      action: `task ${type}`,
      ...(id === undefined ? {} : { target: id }),
      result: status,
      upid,
    });
  };
}
