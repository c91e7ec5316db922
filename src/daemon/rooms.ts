// Opens the rooms that a process of the server needs, the same in every process (docs/architecture.md, Processes).

import os from 'node:os';
import { AccessControl, type AccessOptions } from '../access/access-control.ts';
import { endpoints } from '../api/index.ts';
import { openConsole } from '../api/nodes/console.contract.ts';
import { startConsole } from '../api/nodes/console.ts';
import { apiPages } from '../api/pages.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { auditTasks } from '../audit/audit-tasks.ts';
import { backupUpgrade, readerUpgrade } from '../backup/session.contract.ts';
import { startBackupSession } from '../backup/session-server.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { Machine } from '../machine/machine.ts';
import { followTimeZone } from '../machine/time-zone.ts';
import { MetricsReader } from '../metrics/metrics-reader.ts';
import { ServerCounters } from '../metrics/server-counters.ts';
import { type Outlet, SpoolWorker } from '../notify/spool-worker.ts';
import { startReaderSession } from '../reader/session-server.ts';
import { TaskRegistry } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import type { SessionEndpoint } from '../wire/http-server.ts';
import { Router } from '../wire/router.ts';
import { ConfiguredDatastores } from './datastore-registry.ts';
import { serverVersion } from './version.ts';

/** Least milliseconds to a failure's answer; tests take none. */
export interface FailureDelays {
  unauthorized: number;
  forbidden: number;
}

export interface Rooms {
  readonly server: ServerContext;
  /** Aborts the tasks of this process, waits for their end, and takes it out of the shared counts. */
  close(): Promise<void>;
}

/** The paths whose GET turns a connection into a session. */
export const sessions: readonly SessionEndpoint[] = [
  { contract: backupUpgrade, handle: startBackupSession },
  { contract: readerUpgrade, handle: startReaderSession },
  { contract: openConsole, handle: startConsole },
];

/** What sends the notifications that wait in the spool; for a process with all rights. */
export function makeSpoolWorker({ directories, clock, log, machine }: ServerContext): SpoolWorker {
  let outlet: Promise<Outlet> | undefined;
  const open = async (): Promise<Outlet> => {
    // What sends mail takes time and memory to load, which a server that has nothing to tell is spared.
    const { Sender } = await import('../notify/sender.ts');
    return new Sender({ directories, run: machine.run, log });
  };
  return new SpoolWorker({
    directories,
    clock,
    log,
    outlet: () => {
      outlet ??= open();
      return outlet;
    },
  });
}

/** The router that every process has, so that they answer alike. */
export function makeRouter(): Router {
  return new Router(
    endpoints,
    sessions.map((session) => session.contract.path),
  );
}

/** The pages that describe the API. */
export function makePages(): ReturnType<typeof apiPages> {
  return apiPages([...endpoints, ...sessions].map((one) => one.contract));
}

export async function openRooms(
  directories: Directories,
  o: {
    clock: Clock;
    log: Logger;
    machine?: Machine;
    delays?: FailureDelays;
    checkToken?: AccessOptions['checkToken'];
  },
): Promise<Rooms> {
  const { clock, log, delays, checkToken, machine = new Machine() } = o;
  const node = os.hostname().split('.')[0]!;
  const access = await AccessControl.open(directories, clock, {
    logger: log,
    ...(checkToken === undefined ? {} : { checkToken }),
    ...(delays === undefined ? {} : { sleep: (ms: number) => sleep(Math.min(ms, delays.unauthorized)) }),
  });
  const audit = new AuditLog(directories, clock, log);
  const tasks = await TaskRegistry.open(directories, clock, node, log, { onEnd: auditTasks(audit) });
  const datastores = new ConfiguredDatastores(directories, clock, log, machine);
  const metrics = new MetricsReader(directories);
  const counters = new ServerCounters(directories, log);
  const version = serverVersion;
  const stopFollowing = followTimeZone(machine);
  return {
    server: { directories, access, tasks, datastores, machine, metrics, counters, audit, clock, log, version, node },
    close: async () => {
      stopFollowing();
      await tasks.shutdown();
      await datastores.close();
      await counters.stop();
      metrics[Symbol.dispose]();
    },
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
