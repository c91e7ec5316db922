// Renewal of the server's ACME certificate: looked at every day, in the process that may write it
// (config-and-tasks.md 14).

import { isAcmeConfigured, isServerRenewalDue, orderContext } from '../certificates/renewal.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import { type JobCaller, type JobRooms, startJob } from './run-job.ts';

/** Undefined when the certificate is not due, or is being renewed. */
export async function startRenewal(
  server: JobRooms,
  { schedule, ...caller }: JobCaller,
): Promise<WorkerTask | undefined> {
  const { directories, clock } = server;
  if (!isAcmeConfigured(directories) || !(await isServerRenewalDue(directories, clock))) return undefined;
  const start = {
    type: 'acme-renewal',
    name: 'certificate',
    task: { type: 'acme-renew-cert', ...caller },
    title: 'renewing the certificate',
    notice: { type: 'acme' },
    ...(schedule ? { schedule } : {}),
  } as const;
  return await startJob(server, start, async (task) => {
    const { orderCertificate } = await import('../certificates/acme-order.ts');
    await orderCertificate(orderContext(server, task));
    return undefined;
  });
}
