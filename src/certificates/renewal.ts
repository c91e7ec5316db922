// When a certificate that was ordered is ordered anew: the daily check (config-and-tasks.md 14).

import type { Clock } from '../base/clock.ts';
import type { Directories } from '../config/directories.ts';
import { acmeOptions, nodeConfigFile } from '../config/node-config.ts';
import type { WorkerTask } from '../task/task-registry.ts';
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

/** Whether names are configured that a certificate can be ordered for. */
export function isAcmeConfigured(directories: Directories): boolean {
  return acmeOptions(nodeConfigFile(directories).current().value).domains.length > 0;
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
