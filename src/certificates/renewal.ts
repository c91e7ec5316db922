// When a certificate that was ordered is ordered anew: the daily check (config-and-tasks.md 14).

import type { Clock } from '../base/clock.ts';
import type { Directories } from '../config/directories.ts';
import { acmeOptions, nodeConfigFile } from '../config/node-config.ts';
import { rootUser } from '../model/auth-id.ts';
import type { TaskRegistry, WorkerTask } from '../task/task-registry.ts';
import { orderCertificate } from './acme-order.ts';
import { describeCertificate } from './describe.ts';
import { loadIdentity } from './identity.ts';

const longestLeadSeconds = 30 * 86_400;

/**
 * Whether a certificate has so little time left that a new one is due: less than a third of its life, or less than 30
 * days of a long one.
 */
export function isRenewalDue(certificate: { notbefore: number; notafter: number }, now: number): boolean {
  const lead = Math.min(longestLeadSeconds, (certificate.notafter - certificate.notbefore) / 3);
  return certificate.notafter - now < lead;
}

/** Whether the certificate in use is due; one that is missing or broken is. */
export async function isServerRenewalDue(directories: Directories, clock: Clock): Promise<boolean> {
  const identity = await loadIdentity(directories.config).catch(() => undefined);
  if (!identity) return true;
  return isRenewalDue(describeCertificate('proxy.pem', identity.certificate), clock.now() / 1000);
}

/**
 * The daily check: starts a task that orders a certificate when names are configured and the one in use is due.
 * Undefined when there is nothing to do.
 */
export async function renewWhenDue(server: {
  directories: Directories;
  clock: Clock;
  tasks: TaskRegistry;
}): Promise<WorkerTask | undefined> {
  const { directories, clock, tasks } = server;
  if (acmeOptions(nodeConfigFile(directories).current().value).domains.length === 0) return undefined;
  if (!(await isServerRenewalDue(directories, clock))) return undefined;
  return tasks.start({ type: 'acme-renew-cert', authId: rootUser }, async (task) => {
    await orderCertificate(orderContext(server, task));
  });
}

/** What an order is given by the task that it runs in. */
export function orderContext(server: { directories: Directories; clock: Clock }, task: WorkerTask) {
  return {
    directories: server.directories,
    clock: server.clock,
    log: (line: string) => task.log(line),
    warn: (line: string) => task.warn(line),
    signal: task.signal,
  };
}
