// Entry of one listening process, started by supervisor.ts. Ends when it is told to, or when the supervisor is gone.

import { messageOf } from '../base/errors.ts';
import { jsonLogger } from '../base/log.ts';
import { startProxy } from './proxy.ts';
import { type ListeningMessage, stopMessage, type WorkerOptions, workerOptionsVariable } from './supervisor.ts';

const log = jsonLogger();
const options = JSON.parse(process.env[workerOptionsVariable] ?? '{}') as WorkerOptions;

/** After a defect nothing is known about the state of this process: the supervisor starts another. */
function onDefect(error: unknown): void {
  log('error', 'process-defect', { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined });
  process.exit(1);
}
process.on('uncaughtException', onDefect);
process.on('unhandledRejection', onDefect);
// A terminal sends its interrupt to every process; the supervisor decides what it means.
process.on('SIGINT', () => {});

const proxy = await startProxy({ ...options, log });
let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await proxy.stop(options.graceMs);
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('disconnect', () => void stop());
process.on('message', (message) => {
  if (message === stopMessage) void stop();
});
const message: ListeningMessage = { listening: proxy.port };
process.send?.(message);
