// Entry of one listening process, started by flock.ts. Ends when it is told to, when its supervisor is gone, or, once
// a newer program has taken over, with its last session.

import cluster from 'node:cluster';
import { messageOf } from '../base/errors.ts';
import { type Order, type Report, type WorkerOptions, workerOptionsVariable } from './flock.ts';
import { startProxy } from './proxy.ts';
import { serverLogger } from './server-log.ts';

const log = serverLogger();
const options = JSON.parse(process.env[workerOptionsVariable] ?? '{}') as WorkerOptions;

/** After a defect nothing is known about the state of this process: the supervisor starts another. */
function onDefect(error: unknown): void {
  log('error', 'process-defect', { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined });
  process.exit(1);
}
process.on('uncaughtException', onDefect);
process.on('unhandledRejection', onDefect);
// A terminal sends its interrupt, and its end, to every process; the supervisor decides what that means.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

// Node would end this process at once when the supervisor is gone, whatever it is doing.
if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
const report = (what: Report): void => void process.send?.(what);
const proxy = await startProxy({ ...options, log });
let stopping = false;
let draining = false;

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await proxy.stop(options.graceMs);
  process.exit(0);
}

async function drain(): Promise<void> {
  draining = true;
  const drained = proxy.drain();
  report('draining');
  await drained;
  // A stop that came meanwhile ends the process itself.
  if (!stopping) process.exit(0);
}

process.on('SIGTERM', () => void stop());
process.on('disconnect', () => {
  if (!draining) void stop();
});
process.on('message', (order: Order) => {
  if (order === 'ping') report('pong');
  else if (order === 'drain') void drain();
  else void stop();
});
report('listening');
