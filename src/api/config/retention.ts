// Keep options and prune schedule that are given with a datastore: they make its prune job, `default-NAME`
// (rest-api.md 7.5, 10 G9 and G10).

import type { DatastoreSection } from '../../config/datastore-schema.ts';
import { defaultPruneJobId, keepOf, PruneJobConfig } from '../../config/prune-config.ts';
import { keepOptions, type PruneJob } from '../../config/prune-job-schema.ts';
import type { CallContext } from '../../wire/context.ts';
import { keepJobState } from './job-changes.ts';

/** The properties of a datastore that are about retention. */
export const retentionNames: readonly string[] = ['prune-schedule', ...keepOptions];
const defaultSchedule = 'daily';

/** The properties without those about retention. */
export function withoutRetention<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !retentionNames.includes(name))) as T;
}

/** Whether a change is about retention. */
export function touchesRetention(given: object, remove: readonly string[] = []): boolean {
  return [...Object.keys(given), ...remove].some((name) => retentionNames.includes(name));
}

/**
 * Makes or changes the prune job of a datastore. `inline` are the options that stand in the datastore's own section;
 * they go over into the job, unless jobs for the datastore have taken their place already. Without a schedule of its
 * own a new job runs daily; removing the schedule switches the job off.
 */
export async function changeRetention(
  call: CallContext,
  store: string,
  inline: Partial<DatastoreSection>,
  given: Partial<DatastoreSection>,
  remove: readonly string[] = [],
): Promise<void> {
  const table = new PruneJobConfig(call.server.directories);
  const jobs = table.list().data;
  const id = defaultPruneJobId(store, jobs);
  const schedule = given['prune-schedule'];
  const off = schedule === undefined && remove.includes('prune-schedule');
  if (jobs.some((job) => job.id === id)) {
    const change: Partial<PruneJob> = { ...keepOf(given), ...(schedule === undefined ? {} : { schedule }) };
    if (off) change.disable = true;
    const removed = [
      ...remove.filter((name) => name !== 'prune-schedule'),
      ...(schedule === undefined ? [] : ['disable']),
    ];
    await keepJobState(call, 'prunejob', await table.update(id, change, { remove: removed }), { schedule });
    return;
  }
  const base = jobs.some((job) => job.store === store) ? {} : inline;
  const kept = Object.entries(keepOf(base)).filter(([name]) => !remove.includes(name));
  const keep = { ...Object.fromEntries(kept), ...keepOf(given) };
  if (schedule === undefined && Object.keys(keep).length === 0) return;
  const job: PruneJob = { id, store, schedule: schedule ?? base['prune-schedule'] ?? defaultSchedule, ...keep };
  if (off) job.disable = true;
  await keepJobState(call, 'prunejob', await table.create(job));
}
