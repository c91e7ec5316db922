// What one run of a synchronisation is asked to do: the fields that sync jobs and the calls `pull` and `push` share
// (sync.md 1).

import { parseBytes } from '../base/human.ts';
import type { SyncJob } from '../config/sync-job-schema.ts';
import type { AuthId } from '../model/auth-id.ts';
import { type Namespace, parseNamespace } from '../model/backup.ts';
import { type GroupFilter, parseGroupFilter } from '../model/group-filter.ts';
import type { TransferLimits } from '../wire/rate-limit.ts';

export interface SyncParameters {
  /** The datastore and namespace on this side. */
  store: string;
  ns: Namespace;
  /** Absent for another datastore of this server. */
  remote: string | undefined;
  remoteStore: string;
  remoteNs: Namespace;
  /** Whose groups the synced ones are, and whose privileges count. */
  owner: AuthId;
  /** Levels of namespaces below the anchor of the source; all when absent. */
  maxDepth: number | undefined;
  groupFilter: readonly GroupFilter[];
  removeVanished: boolean;
  transferLast: number | undefined;
  resyncCorrupt: boolean;
  encryptedOnly: boolean;
  verifiedOnly: boolean;
  /** Groups at the same time. */
  workerThreads: number;
  /** What the connections of this run may carry together. */
  limits: TransferLimits;
  /** Names of the keys that pulled snapshots are decrypted with. */
  decryptionKeys: readonly string[];
  /** Name of the key that pushed snapshots are encrypted with. */
  encryptionKey: string | undefined;
}

/** Throws `bad-request` for namespaces and filters that are none. */
export function syncParameters(job: Omit<SyncJob, 'id'>, owner: AuthId): SyncParameters {
  const bytes = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseBytes(text));
  return {
    store: job.store,
    ns: parseNamespace(job.ns ?? ''),
    remote: job.remote,
    remoteStore: job['remote-store'],
    remoteNs: parseNamespace(job['remote-ns'] ?? ''),
    owner,
    maxDepth: job['max-depth'],
    groupFilter: (job['group-filter'] ?? []).map(parseGroupFilter),
    removeVanished: job['remove-vanished'] ?? false,
    transferLast: job['transfer-last'],
    resyncCorrupt: job['resync-corrupt'] ?? false,
    encryptedOnly: job['encrypted-only'] ?? false,
    verifiedOnly: job['verified-only'] ?? false,
    workerThreads: job['worker-threads'] ?? 1,
    limits: {
      rateIn: bytes(job['rate-in']),
      burstIn: bytes(job['burst-in']),
      rateOut: bytes(job['rate-out']),
      burstOut: bytes(job['burst-out']),
    },
    decryptionKeys: job['associated-key'] ?? [],
    encryptionKey: job['active-encryption-key'],
  };
}

/** The other side as logs name it: `R/RS`, or `RS` for a datastore of this server. */
export function otherSide({ remote, remoteStore }: SyncParameters): string {
  return remote === undefined ? remoteStore : `${remote}/${remoteStore}`;
}
