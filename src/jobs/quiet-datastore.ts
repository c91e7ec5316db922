// Waiting for the end of what goes on in a datastore whose maintenance mode lets nothing new begin
// (config-and-tasks.md 9).

import { setTimeout as delay } from 'node:timers/promises';
import { GranaryError } from '../base/errors.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';

const firstPollMs = 50;
const longestPollMs = 1000;

/** Settles when no process has an operation under way. Throws `aborted` when the task is asked to stop. */
export async function waitUntilUnused(
  server: Pick<ServerContext, 'datastores'>,
  name: string,
  task: Pick<WorkerTask, 'log' | 'signal'>,
): Promise<void> {
  let told = '';
  for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, pollMs * 2)) {
    const { read, write } = await server.datastores.activeOperations(name);
    if (read + write === 0) return;
    const text = `waiting for ${read} reading and ${write} writing operations to end`;
    if (text !== told) task.log(text);
    told = text;
    await delay(pollMs, undefined, { signal: task.signal }).catch(() => {});
    if (task.signal.aborted) throw new GranaryError('aborted', 'abort requested - aborting task');
  }
}
