// One listening process: opens the rooms, serves the API and the sessions, stops cleanly.

import os from 'node:os';
import path from 'node:path';
import { AccessControl } from '../access/access-control.ts';
import { endpoints } from '../api/index.ts';
import { apiPages } from '../api/pages.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { auditTasks } from '../audit/audit-tasks.ts';
import { backupUpgrade, readerUpgrade } from '../backup/session.contract.ts';
import { startBackupSession } from '../backup/session-server.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { jsonLogger, type Logger } from '../base/log.ts';
import { ensureIdentity, identityStamp, loadIdentity } from '../certificates/identity.ts';
import type { Directories } from '../config/directories.ts';
import { Machine } from '../machine/machine.ts';
import { MetricsReader } from '../metrics/metrics-reader.ts';
import { Sampler } from '../metrics/sampler.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import { startReaderSession } from '../reader/session-server.ts';
import { TaskRegistry } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { ApiServer, type SessionEndpoint } from '../wire/http-server.ts';
import { Router } from '../wire/router.ts';
import { ConfiguredDatastores } from './datastore-registry.ts';
import { Measurements } from './measurements.ts';
import { prepareServer } from './prepare.ts';
import { serverVersion } from './version.ts';

export interface ProxyOptions {
  /** Folder of a server that is started from a checkout; an installation's places are fixed. */
  home: string;
  /** 0 takes any free port. */
  port: number;
  /** Address to listen on; all by default. */
  host?: string;
  clock?: Clock;
  log?: Logger;
  /** The machine that calls look at and change; tests give one of their own. */
  machine?: Machine;
  /** RSA bits of a certificate that has to be made; tests take fewer. */
  certificateBits?: number;
  /** Least milliseconds to a failure's answer; tests take none. */
  delays?: { unauthorized: number; forbidden: number };
}

export interface ProxyServer {
  readonly port: number;
  readonly server: ServerContext;
  /** Stops accepting, lets requests and sessions end for `graceMs`, then aborts them. */
  stop(graceMs: number): Promise<void>;
}

/** How often the certificate's files are looked at. */
const certificateCheckMs = 1000;

const sessions: readonly SessionEndpoint[] = [
  { contract: backupUpgrade as unknown as EndpointContract, handle: startBackupSession },
  { contract: readerUpgrade as unknown as EndpointContract, handle: startReaderSession },
];

/** Starts to serve in this process. */
export async function startProxy(options: ProxyOptions): Promise<ProxyServer> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? jsonLogger();
  const bits = options.certificateBits;
  const directories = await prepareServer(options.home, clock, bits === undefined ? {} : { bits });
  const node = os.hostname().split('.')[0]!;
  const delays = options.delays;
  const access = await AccessControl.open(directories, clock, {
    logger: log,
    ...(delays === undefined ? {} : { sleep: (ms: number) => sleep(Math.min(ms, delays.unauthorized)) }),
  });
  const audit = new AuditLog(directories, clock, log);
  const tasks = await TaskRegistry.open(directories, clock, node, log, { onEnd: auditTasks(audit) });
  const datastores = new ConfiguredDatastores(directories, clock, log);
  const machine = options.machine ?? new Machine();
  const metrics = new MetricsReader(directories);
  const server: ServerContext = {
    directories,
    access,
    tasks,
    datastores,
    machine,
    metrics,
    audit,
    clock,
    log,
    version: serverVersion,
    node,
  };
  const router = new Router(
    endpoints,
    sessions.map((session) => session.contract.path),
  );
  const identity = await ensureIdentity(directories.config, { clock });
  const pages = apiPages([...endpoints, ...sessions].map((one) => one.contract));
  const api = new ApiServer({ server, router, sessions, pages, identity, ...(delays === undefined ? {} : { delays }) });
  const at = { port: options.port, ...(options.host === undefined ? {} : { host: options.host }) };
  const port = await api.listen(at);
  const stopWatching = watchIdentity(directories, api, log);
  const measurements = new Measurements(machine, datastores, log);
  const sampler = new Sampler({ directories, clock, log, measure: (time) => measurements.measure(time) });
  sampler.start();
  return {
    port,
    server,
    stop: async (graceMs) => {
      stopWatching();
      await sampler.stop();
      const closed = api.close(graceMs);
      // A session ends with its task; those that are still there after the grace are aborted.
      const timer = setTimeout(() => void tasks.shutdown(), graceMs);
      await closed;
      clearTimeout(timer);
      await tasks.shutdown();
      await datastores.close();
      metrics[Symbol.dispose]();
    },
  };
}

/** New connections get a changed certificate; open ones are left alone. */
function watchIdentity(directories: Directories, api: ApiServer, log: Logger): () => void {
  let seen: string | undefined;
  const look = async (): Promise<void> => {
    const stamp = await identityStamp(directories.config);
    if (seen !== undefined && stamp !== seen) {
      const identity = await loadIdentity(directories.config);
      if (identity !== undefined) api.setIdentity(identity);
      log('info', 'certificate-reloaded', { fingerprint: identity?.fingerprint });
    }
    seen = stamp;
  };
  const report = (error: unknown): void =>
    log('error', 'certificate-not-reloaded', {
      file: path.join(directories.config, 'proxy.pem'),
      error: messageOf(error),
    });
  look().catch(report);
  const timer = setInterval(() => void look().catch(report), certificateCheckMs).unref();
  return () => clearInterval(timer);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
