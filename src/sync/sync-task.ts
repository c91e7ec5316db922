// What a synchronisation as a worker task has in common for both directions: what it tells at the start, the sum at the
// end, and that it was asked to stop (sync.md 2 and 12).

import { GranaryError } from '../base/errors.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { otherSide, type SyncParameters } from './parameters.ts';
import { SyncStatistics } from './statistics.ts';

/** What of the server a run needs. */
export type SyncRooms = Pick<ServerContext, 'access' | 'clock' | 'datastores' | 'directories'>;

/** Throws what `work` throws, and `sync aborted` when the task was asked to stop. */
export async function syncInTask(
  server: SyncRooms,
  direction: 'pull' | 'push',
  parameters: SyncParameters,
  task: WorkerTask,
  work: (statistics: SyncStatistics) => Promise<void>,
): Promise<void> {
  const statistics = new SyncStatistics();
  const start = server.clock.now();
  const way = direction === 'pull' ? 'from' : 'to';
  task.log(`sync datastore '${parameters.store}' ${way} '${otherSide(parameters)}'`);
  try {
    await work(statistics);
  } catch (error) {
    throw task.signal.aborted ? new GranaryError('aborted', 'sync aborted', { cause: error }) : error;
  } finally {
    const took = server.clock.now() - start;
    for (const line of statistics.summary(direction, took, parameters.removeVanished)) task.log(line);
  }
}
