// The threads and the memory that all directory stores of this process share. Both are made at the first need.

import { availableParallelism } from 'node:os';
import { SharedArena } from '../base/shared-arena.ts';
import { WorkerPool } from '../base/worker-pool.ts';

/** Room for all uploads of the process together: two of the largest chunks, or some twenty usual ones. */
export const slotMemory = 32 * 1024 * 1024 + 2 * 4096;

/** Threads and slot memory; tests make small ones of their own. */
export interface StoreWorkers {
  readonly arena: SharedArena;
  /** For chunks on their way in. */
  readonly ingest: WorkerPool;
  /** For verification, which must not keep uploads waiting. */
  readonly check: WorkerPool;
}

/** Makes workers; 0 threads run everything inline. */
export function createWorkers(options: { threads: number; slotMemory?: number }): StoreWorkers {
  const arena = new SharedArena(options.slotMemory ?? slotMemory);
  const pool = (name: string): WorkerPool =>
    new WorkerPool({
      size: options.threads,
      file: new URL('./directory/chunk-worker.ts', import.meta.url),
      name,
      init: arena.buffer,
    });
  return { arena, ingest: pool('chunk-ingest'), check: pool('chunk-check') };
}

let shared: StoreWorkers | undefined;

/** What waits in this process; nothing before anything was stored or read. */
export function waitingWork(): { uploads: number; ingest: number; check: number } {
  if (shared === undefined) return { uploads: 0, ingest: 0, check: 0 };
  return { uploads: shared.arena.waiting, ingest: shared.ingest.pending, check: shared.check.pending };
}

/** Those of the process: at least two threads, so that hashing and writing overlap, at most four. */
export function processWorkers(): StoreWorkers {
  shared ??= createWorkers({ threads: Math.max(2, Math.min(availableParallelism(), 4)) });
  return shared;
}
