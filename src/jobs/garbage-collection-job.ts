// Garbage collection of one datastore as a job (config-and-tasks.md 11).

import { GranaryError } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { parseTuning } from '../config/datastore-schema.ts';
import { nestedPath } from '../datastore/create.ts';
import { deduplicationFactor } from '../datastore/garbage-collection.ts';
import { datastorePath } from '../machine/removable-datastore.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { DatastoreUse, ServerContext } from '../wire/context.ts';
import { type JobCaller, startJob } from './run-job.ts';

/** Undefined when a collection of that datastore is running already. `open` is for who has the datastore for himself. */
export async function startGarbageCollection(
  server: ServerContext,
  store: string,
  { schedule, ...caller }: JobCaller,
  open: () => Promise<DatastoreUse> = () => server.datastores.use(store, 'write'),
): Promise<WorkerTask | undefined> {
  const task = { type: 'garbage_collection', id: store, ...caller };
  const notice = { type: 'gc' as const, store };
  const title = `starting garbage collection on store ${store}`;
  const start = {
    type: 'garbage_collection' as const,
    name: store,
    task,
    title,
    notice,
    ...(schedule ? { schedule } : {}),
  };
  return await startJob(server, start, async (worker) => {
    const tuning = parseTuning(new DatastoreConfig(server.directories).get(store).data.tuning);
    using use = await open();
    refuseNested(server, store, use.datastore.path);
    const status = await use.datastore.collectGarbage({
      upid: worker.upid,
      log: (line) => worker.log(line),
      warn: (line) => worker.warn(line),
      signal: worker.signal,
      safetyCheck: tuning['gc-atime-safety-check'],
      cutoffMinutes: tuning['gc-atime-cutoff'],
      cacheCapacity: tuning['gc-cache-capacity'],
    });
    return { ...status, 'deduplication-factor': deduplicationFactor(status).toFixed(2) };
  });
}

/** Who writes to a datastore is known by its name: of two with the same chunks, one would take what the other relies on. */
function refuseNested({ directories, machine }: ServerContext, name: string, base: string): void {
  const others = new DatastoreConfig(directories).list().data.filter((one) => one.name !== name);
  const other = nestedPath(
    base,
    others.map((one) => datastorePath(machine, one)),
  );
  if (other === undefined) return;
  throw new GranaryError('bad-request', `nested datastores not allowed: '${base}' and '${other}'`);
}
