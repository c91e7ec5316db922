// How much memory uploads may hold that wait for room and are not read yet (docs/decisions/0001): a fixed sum for the
// process, whatever number of connections shares it.

import { MemoryBudget, type MemoryShare } from '../base/memory-budget.ts';
import { defaultWindow } from './h2-frames.ts';
import { maxStreams } from './h2-server.ts';

/** All windows of waiting uploads of the process together; each connection takes a quarter of what is left. */
const budget = new MemoryBudget(48 * 1024 * 1024, 4);

/** A connection's part. */
export function takeWaitingShare(): MemoryShare {
  return budget.take(maxStreams * defaultWindow);
}
