// prune.cfg as a table (config-and-tasks.md 2), and the jobs that stand in datastore.cfg: keep options that somebody
// wrote into a datastore's section by hand (rest-api.md 10 G9, G10).

import { join } from 'node:path';
import type { DatastoreSection } from './datastore-schema.ts';
import type { Directories } from './directories.ts';
import { keepOptions, type PruneJob, pruneJobSchema } from './prune-job-schema.ts';
import { SectionStore } from './section-store.ts';

export class PruneJobConfig extends SectionStore<typeof pruneJobSchema> {
  constructor(directories: Directories) {
    const path = join(directories.config, 'prune.cfg');
    super({ path, type: 'prune', what: 'job', id: 'id', schema: pruneJobSchema });
  }
}

const longestId = 32;

/** The id of the job that a datastore's own keep options make; a job of another datastore keeps its id. */
export function defaultPruneJobId(store: string, jobs: readonly PruneJob[]): string {
  const plain = `default-${store}`.slice(0, longestId);
  const own = jobs.filter((job) => job.store === store);
  // Room for the number that long names need; the original puts a random end behind the name.
  const stem = plain.slice(0, longestId - 4);
  const present = own.find((job) => job.id === plain) ?? own.find((job) => job.id.startsWith(stem));
  if (present) return present.id;
  for (let n = 1, id = plain; ; id = `${stem}-${++n}`) {
    if (!jobs.some((job) => job.id === id)) return id;
  }
}

/**
 * The jobs that stand in the datastores' sections: of each with a schedule and something to keep, unless there is a
 * prune job for it, which then counts alone.
 */
export function implicitPruneJobs(
  datastores: readonly DatastoreSection[],
  jobs: readonly PruneJob[],
): (PruneJob & { origin: 'datastore' })[] {
  return datastores.flatMap((section) => {
    const schedule = section['prune-schedule'];
    if (schedule === undefined || jobs.some((job) => job.store === section.name)) return [];
    const keep = keepOf(section);
    if (Object.keys(keep).length === 0) return [];
    const id = defaultPruneJobId(section.name, jobs);
    return [{ id, store: section.name, schedule, ...keep, origin: 'datastore' as const }];
  });
}

/** The keep options among the properties of an object. */
export function keepOf(
  object: Readonly<Record<string, unknown>>,
): Partial<Pick<PruneJob, (typeof keepOptions)[number]>> {
  return Object.fromEntries(keepOptions.flatMap((name) => (object[name] === undefined ? [] : [[name, object[name]]])));
}
