// One listening process: opens the rooms, serves the API and the sessions, stops cleanly. Either with all rights, or
// as the unprivileged part of an installation, which hands protected calls on.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { jsonLogger, type Logger } from '../base/log.ts';
import { loadTlsSettings, tlsStamp } from '../certificates/tls-settings.ts';
import { waitingWork } from '../chunk-store/workers.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { type Directories, localSocketPath } from '../config/directories.ts';
import { watchCertificate } from '../jobs/certificate-alerts.ts';
import { configurationJobs, datastoreJobs, housekeepingJobs } from '../jobs/due-jobs.ts';
import { watchObjectTraffic } from '../jobs/object-traffic.ts';
import { resumeS3Refreshes } from '../jobs/s3-refresh-job.ts';
import { Scheduler } from '../jobs/scheduler.ts';
import { watchThresholds } from '../jobs/threshold-alerts.ts';
import { settleRemovable } from '../jobs/unmount-job.ts';
import type { Machine } from '../machine/machine.ts';
import { InfluxDbSender } from '../metrics/influxdb-sender.ts';
import { Sampler } from '../metrics/sampler.ts';
import type { ServerCounters } from '../metrics/server-counters.ts';
import { readTraffic } from '../object-store/traffic-counts.ts';
import { listenLocal } from '../os/sockets.ts';
import type { ServerContext } from '../wire/context.ts';
import { ApiServer } from '../wire/http-server.ts';
import { listenBacklog } from '../wire/listener.ts';
import { datastoreTrafficFile } from '../wire/object-stores.ts';
import { PrivilegedDoor } from '../wire/privileged-door.ts';
import { TrafficControl } from '../wire/traffic-control.ts';
import { WebFiles } from '../wire/web-files.ts';
import { Measurements } from './measurements.ts';
import { preparedServer, prepareServer } from './prepare.ts';
import { type FailureDelays, makePages, makeRouter, makeSpoolWorker, openRooms, sessions } from './rooms.ts';

export interface ProxyOptions {
  /** Folder of a server that is started from a checkout; an installation's places are fixed. */
  home: string;
  /** 0 takes any free port. */
  port: number;
  /** Address to listen on; all by default. */
  host?: string;
  /** Sockets that listen already, instead of `port` and `host`. `local` is left out by the unprivileged part. */
  sockets?: { port: number; local?: number };
  /** Protected calls are handed on to the process that `startPrivileged` made. */
  unprivileged?: boolean;
  /** How long such a call waits while that process is being restarted. Default 5 s. */
  restartMs?: number;
  clock?: Clock;
  log?: Logger;
  /** The machine that calls look at and change; tests give one of their own. */
  machine?: Machine;
  /** RSA bits of a certificate that has to be made; tests take fewer. */
  certificateBits?: number;
  delays?: FailureDelays;
}

export interface ProxyServer {
  readonly port: number;
  readonly server: ServerContext;
  /** Looks at once whether the certificate has changed. */
  reload(): Promise<void>;
  /** Stops accepting; resolves when every request, session and task has ended by itself. */
  drain(): Promise<void>;
  /** Stops accepting, lets requests and sessions end for `graceMs`, then aborts them. Also ends a `drain`. */
  stop(graceMs: number): Promise<void>;
}

/** How often the certificate's files are looked at. */
const certificateCheckMs = 1000;

/** Starts to serve in this process. */
export async function startProxy(options: ProxyOptions): Promise<ProxyServer> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? jsonLogger();
  const { certificateBits: bits, delays, sockets, machine } = options;
  const directories = options.unprivileged
    ? preparedServer(options.home)
    : await prepareServer(options.home, clock, bits === undefined ? {} : { bits });
  const localPath = localSocketPath(directories);
  const privileged = options.unprivileged ? new PrivilegedDoor(localPath, options.restartMs) : undefined;
  const rooms = await openRooms(directories, {
    clock,
    log,
    ...(machine === undefined ? {} : { machine }),
    ...(delays === undefined ? {} : { delays }),
    ...(privileged === undefined ? {} : { checkToken: privileged }),
  });
  const tls = await loadTlsSettings(directories, (error) => ciphersNotUsed(log, error));
  if (tls === undefined) throw new GranaryError('certificate', `no certificate in ${directories.config}`);
  const traffic = new TrafficControl(directories, clock, log);
  const api = new ApiServer({
    server: rooms.server,
    router: makeRouter(),
    sessions,
    pages: makePages(),
    web: new WebFiles(fileURLToPath(new URL('../../web/dist', import.meta.url))),
    traffic,
    tls,
    ...(privileged === undefined ? {} : { privileged }),
    ...(delays === undefined ? {} : { delays }),
  });
  const at = { port: options.port, ...(options.host === undefined ? {} : { host: options.host }) };
  const port = await api.listen(sockets === undefined ? at : { fd: sockets.port });
  const ownSocket = sockets === undefined && privileged === undefined;
  const own = ownSocket ? listenLocal(localPath, { mode: 0o600, backlog: listenBacklog }) : undefined;
  const local = own?.fd ?? sockets?.local;
  if (local !== undefined) await api.listenLocal(local);
  const measurements = new Measurements(rooms.server.machine, rooms.server.datastores, log, (name) => {
    const section = new DatastoreConfig(rooms.server.directories).find(name);
    const file = section && datastoreTrafficFile(rooms.server.directories, section);
    return file === undefined ? undefined : readTraffic(file).traffic;
  });
  countProcess(rooms.server.counters);
  rooms.server.counters.start();
  const sender = new InfluxDbSender(directories, rooms.server.node, log);
  const sampler = new Sampler({
    directories,
    clock,
    log,
    measure: (time) => measurements.measure(time),
    push: (time, samples) => sender.push(time, samples),
  });
  sampler.start();
  const schedulers = [
    new Scheduler(rooms.server, 'datastores', [...datastoreJobs, ...housekeepingJobs], watchDatastores),
  ];
  if (privileged === undefined)
    schedulers.push(new Scheduler(rooms.server, 'configuration', configurationJobs, watchCertificate));
  if (privileged === undefined) {
    await settleRemovable(rooms.server);
    await resumeS3Refreshes(rooms.server);
  }
  for (const scheduler of schedulers) scheduler.start();
  const notifications = privileged === undefined ? makeSpoolWorker(rooms.server) : undefined;
  notifications?.start();
  const certificates = watchTls(directories, api, log);
  let drained: Promise<void> | undefined;
  const close = async (graceMs: number): Promise<void> => {
    certificates.stop();
    own?.unlink();
    const stopped = Promise.all([
      sampler.stop().then(() => sender.stop()),
      notifications?.stop(),
      ...schedulers.map((scheduler) => scheduler.stop()),
    ]);
    await api.close(graceMs);
    traffic.stop();
    await stopped;
  };
  return {
    port,
    server: rooms.server,
    reload: certificates.look,
    drain: () => {
      drained ??= close(Number.POSITIVE_INFINITY).then(() => rooms.server.tasks.settled());
      return drained.then(() => rooms.close());
    },
    stop: async (graceMs) => {
      const closed = close(graceMs);
      // A session ends with its task; those that are still there after the grace are aborted.
      const timer = setTimeout(() => void rooms.server.tasks.shutdown(), graceMs);
      await closed;
      clearTimeout(timer);
      await rooms.close();
    },
  };
}

function ciphersNotUsed(log: Logger, error: unknown): void {
  log('error', 'ciphers-not-used', { error: messageOf(error) });
}

const mebibyte = 1024 * 1024;

/** What a process that serves the port tells of itself. */
function countProcess(counters: ServerCounters): void {
  counters.addSource(() => {
    const { uploads, ingest, check } = waitingWork();
    return [
      ['pbs_processes', {}, 1],
      // To the mebibyte, or the figure would never rest.
      ['pbs_process_resident_memory_bytes', {}, Math.round(process.memoryUsage.rss() / mebibyte) * mebibyte],
      ['pbs_upload_queue_length', {}, uploads],
      ['pbs_worker_queue_length', { pool: 'ingest' }, ingest],
      ['pbs_worker_queue_length', { pool: 'check' }, check],
    ];
  });
}

/** New connections get a changed certificate and changed ciphers; open ones are left alone. */
function watchTls(
  directories: Directories,
  api: ApiServer,
  log: Logger,
): { look: () => Promise<void>; stop: () => void } {
  let seen: string | undefined;
  const compare = async (): Promise<void> => {
    const stamp = await tlsStamp(directories);
    if (seen !== undefined && stamp !== seen) {
      const settings = await loadTlsSettings(directories, (error) => ciphersNotUsed(log, error));
      if (settings !== undefined) api.setTls(settings);
      log('info', 'certificate-reloaded', { fingerprint: settings?.fingerprint });
    }
    seen = stamp;
  };
  const look = (): Promise<void> =>
    compare().catch((error: unknown) =>
      log('error', 'certificate-not-reloaded', {
        file: path.join(directories.config, 'proxy.pem'),
        error: messageOf(error),
      }),
    );
  void look();
  const timer = setInterval(() => void look(), certificateCheckMs).unref();
  return { look, stop: () => clearInterval(timer) };
}

/** What is looked at once a minute; a look that fails does not keep the other from being made. */
async function watchDatastores(server: ServerContext): Promise<void> {
  const looks = await Promise.allSettled([watchThresholds(server), watchObjectTraffic(server)]);
  for (const look of looks) if (look.status === 'rejected') throw look.reason;
}
