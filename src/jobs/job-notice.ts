// What a job tells when it has ended: a notification of its kind, which the datastore's options may drop or send the
// old way (config-and-tasks.md 8.3).

import { epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { asDatastoreWants } from '../notify/datastore-settings.ts';
import type { Notification } from '../notify/notification.ts';
import { shortHostname } from '../notify/server-names.ts';
import { spoolNotification } from '../notify/spool.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';

/** What of a job's end is told. An `acme` job tells of failures only. */
export interface JobNotice {
  type: 'gc' | 'verify' | 'prune' | 'sync' | 'acme';
  /** Absent when the job is not about one. */
  store?: string;
  jobId?: string;
  /** What its templates are given besides, of a sync job `remote` and `remote-datastore`. */
  data?: Readonly<Record<string, unknown>>;
}

/** What a job's work gives back for its templates: figures, keys in kebab-case. */
export type JobFigures = Readonly<Record<string, unknown>>;

/** How a job ended; `error` absent when it went well. */
export interface JobEnd {
  task: Pick<WorkerTask, 'upid' | 'warnings'>;
  error?: unknown;
  figures?: JobFigures | undefined;
}

type Rooms = Pick<ServerContext, 'directories' | 'clock'>;

/** Spools what a job has to tell, if anything. Throws what keeps it from being told. */
export async function tellOfJob(server: Rooms, notice: JobNotice, end: JobEnd): Promise<void> {
  if (notice.type === 'acme' && end.error === undefined) return;
  const { store, jobId } = notice;
  const failed = end.error !== undefined;
  const about = {
    ...(store === undefined ? {} : { datastore: store }),
    ...(jobId === undefined ? {} : { 'job-id': jobId }),
  };
  await tell(server, store, {
    severity: failed ? 'error' : 'info',
    timestamp: epochSeconds(server.clock),
    fields: { type: notice.type, hostname: shortHostname(), ...about },
    template: failed || notice.type === 'acme' ? `${notice.type}-err` : `${notice.type}-ok`,
    data: {
      ...notice.data,
      ...end.figures,
      ...about,
      upid: end.task.upid,
      warnings: end.task.warnings,
      ...(failed ? { error: messageOf(end.error), ...failuresIn(end.error) } : {}),
    },
  });
}

/** Spools a notification as the options of the datastore say, if it is about one. */
export async function tell(server: Rooms, store: string | undefined, notification: Notification): Promise<void> {
  const settings = store === undefined ? {} : new DatastoreConfig(server.directories).get(store).data;
  const wanted = asDatastoreWants(settings, notification);
  if (wanted !== undefined) await spoolNotification(server.directories, server.clock, wanted);
}

/** The snapshots that an error of a verification names. */
function failuresIn(error: unknown): { 'failed-snapshot-list'?: unknown } {
  const failed = error instanceof GranaryError ? error.details['failed'] : undefined;
  return Array.isArray(failed) ? { 'failed-snapshot-list': failed } : {};
}
