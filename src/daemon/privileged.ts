// The privileged process of an installation: makes directories, keys and certificate, and serves the local socket, to
// the unprivileged part and to root's tools (house.md 4, access-control.md 8). No port leads here.

import { type Clock, systemClock } from '../base/clock.ts';
import { jsonLogger, type Logger } from '../base/log.ts';
import { localSocketPath } from '../config/directories.ts';
import { watchCertificate } from '../jobs/certificate-alerts.ts';
import { configurationJobs } from '../jobs/due-jobs.ts';
import { resumeS3Refreshes } from '../jobs/s3-refresh-job.ts';
import { Scheduler } from '../jobs/scheduler.ts';
import { settleRemovable } from '../jobs/unmount-job.ts';
import type { Machine } from '../machine/machine.ts';
import type { FileOwner } from '../os/inherit-owner.ts';
import { http } from '../os/node-http.ts';
import { listenLocal } from '../os/sockets.ts';
import type { ServerContext } from '../wire/context.ts';
import { ApiServer } from '../wire/http-server.ts';
import { listenBacklog } from '../wire/listener.ts';
import { localAgent } from '../wire/privileged-door.ts';
import { prepareServer } from './prepare.ts';
import { type FailureDelays, makeRouter, makeSpoolWorker, openRooms } from './rooms.ts';

/** Within this time a call to itself has to be answered. */
const answerMs = 5000;

export interface PrivilegedOptions {
  home: string;
  /** User of the unprivileged processes: owns the shared directories and may hand calls on. */
  owner?: FileOwner;
  clock?: Clock;
  log?: Logger;
  /** The machine that calls look at and change; tests give one of their own. */
  machine?: Machine;
  certificateBits?: number;
  delays?: FailureDelays;
}

export interface PrivilegedServer {
  readonly server: ServerContext;
  readonly socketPath: string;
  /** Whether a call through the socket is answered. */
  answers(): Promise<boolean>;
  /** Stops accepting, lets calls and tasks end for `graceMs`, then aborts them. */
  stop(graceMs: number): Promise<void>;
}

export async function startPrivileged(options: PrivilegedOptions): Promise<PrivilegedServer> {
  const { owner, delays, machine, clock = systemClock, log = jsonLogger(), certificateBits: bits } = options;
  const directories = await prepareServer(options.home, clock, {
    ...(bits === undefined ? {} : { bits }),
    ...(owner === undefined ? {} : { owner }),
  });
  const rooms = await openRooms(directories, {
    clock,
    log,
    ...(machine === undefined ? {} : { machine }),
    ...(delays === undefined ? {} : { delays }),
  });
  // Sessions move the contents of datastores, which is the unprivileged part's work.
  const api = new ApiServer({
    server: rooms.server,
    router: makeRouter(),
    sessions: [],
    ...(delays === undefined ? {} : { delays }),
  });
  const socketPath = localSocketPath(directories);
  const group = owner === undefined ? {} : { group: owner.gid };
  const socket = listenLocal(socketPath, { mode: 0o660, ...group, backlog: listenBacklog });
  await api.listenLocal(socket.fd, owner?.uid);
  const scheduler = new Scheduler(rooms.server, 'configuration', configurationJobs, watchCertificate);
  await settleRemovable(rooms.server);
  await resumeS3Refreshes(rooms.server);
  scheduler.start();
  const notifications = makeSpoolWorker(rooms.server);
  notifications.start();
  return {
    server: rooms.server,
    socketPath,
    answers: () => answers(socketPath),
    stop: async (graceMs) => {
      socket.unlink();
      await scheduler.stop();
      const timer = setTimeout(() => void rooms.server.tasks.shutdown(), graceMs);
      await api.close(graceMs);
      await rooms.server.tasks.settled();
      clearTimeout(timer);
      // At the end, as tasks that end may have something to tell.
      await notifications.stop();
      await rooms.close();
    },
  };
}

/** Makes a call as anybody else would. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { agent: localAgent(socketPath), path: '/api2/json/ping', timeout: answerMs };
    const request = http.get(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
