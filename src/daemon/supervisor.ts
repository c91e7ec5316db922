// The process that owns the listening ones: starts them, replaces one that died or hangs, stops them in order, and
// hands all of it to a newer program. Nothing that a request needs lives here, so that it has no reason to fail.

import { closeSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { loadIdentity } from '../certificates/identity.ts';
import { type Directories, localSocketPath } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { processStartTicks } from '../os/process.ts';
import { replaceProcess } from '../os/replace-process.ts';
import { adoptLocal, boundPort, type LocalSocket, listenLocal, listenTcp, setInherited } from '../os/sockets.ts';
import { listenBacklog } from '../wire/listener.ts';
import { Flock } from './flock.ts';
import { Predecessors } from './predecessors.ts';
import { preparedServer, prepareServer } from './prepare.ts';
import { serverLogger } from './server-log.ts';

/** What a program that replaces another takes over from it. */
export interface Handover {
  port: number;
  local?: number;
  /** Pid and start time of the listening processes that still end their sessions. */
  draining: readonly (readonly [pid: number, start: number])[];
}

export interface SupervisorOptions {
  home: string;
  /** 0 takes any free port, the same for all processes. */
  port: number;
  /** A literal address; all of them by default. */
  host?: string;
  /** Listening processes. Default: one a core. */
  processes?: number;
  /** How long requests and sessions may go on once the server stops. Default 30 s. */
  graceMs?: number;
  /** The processes hand protected calls on to the privileged process of an installation. */
  unprivileged?: boolean;
  handover?: Handover;
  log?: Logger;
  /** How often a process is asked whether it is alive; tests ask more often. */
  pingMs?: number;
  certificateBits?: number;
}

export interface Supervisor {
  readonly port: number;
  /** Whether at least one process has answered lately. */
  isAlive(): boolean;
  /** Stops all processes; resolves when they have ended. A second call waits for the first. */
  stop(): Promise<void>;
  /**
   * Becomes the program `words` under the same pid, with `handover` in `variable` of its environment. The processes
   * stop to accept connections and end when their last session has; new connections wait for the new program. Returns
   * only by throwing: `certificate` when the new program could not serve, or a system error; the server goes on then.
   */
  replace(file: string, words: readonly string[], variable: string): Promise<never>;
}

const defaultGraceMs = 30_000;

/** Where a running server announces itself to the tools beside it: `{pid, port}`. */
export function announcementPath(directories: Directories): string {
  return path.join(directories.run, 'proxy.json');
}

/**
 * Starts the server. Resolves once every process accepts connections and `run/proxy.json` says so; rejects when the
 * first ones cannot.
 */
export async function superviseServer(options: SupervisorOptions): Promise<Supervisor> {
  const { home, handover, certificateBits: bits, unprivileged = false } = options;
  const log = options.log ?? serverLogger();
  const graceMs = options.graceMs ?? defaultGraceMs;
  const directories = unprivileged
    ? preparedServer(home)
    : await prepareServer(home, systemClock, bits === undefined ? {} : { bits });
  const predecessors = new Predecessors(handover?.draining ?? []);
  const portFd = handover?.port ?? listenTcp(options.host, options.port, listenBacklog);
  const port = boundPort(portFd);
  const local = unprivileged ? undefined : openLocalSocket(directories, handover?.local);
  const sockets = { port: portFd, ...(local === undefined ? {} : { local: local.fd }) };
  const flock = new Flock({ home, port, graceMs, unprivileged }, sockets, log, options.pingMs);
  const closeSockets = (): void => {
    local?.unlink();
    for (const fd of Object.values(sockets)) closeSync(fd);
  };
  const count = options.processes ?? os.availableParallelism();
  try {
    await flock.start(count);
    await announce(directories, port);
  } catch (error) {
    await flock.stop();
    closeSockets();
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    withdraw(directories);
    local?.unlink();
    await Promise.all([flock.stop(), predecessors.stop(graceMs)]);
    closeSockets();
  };
  return {
    port,
    isAlive: () => flock.isAlive(),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
    replace: async (file, words, variable) => {
      // The commonest reason for a server not to come up again is found while the old one still serves.
      await loadIdentity(directories.config);
      const leaving = await flock.release();
      const draining = [...predecessors.list(), ...leaving.map((pid) => [pid, processStartTicks(pid) ?? 0] as const)];
      for (const fd of Object.values(sockets)) setInherited(fd, true);
      try {
        replaceProcess(file, words, { ...process.env, [variable]: JSON.stringify({ ...sockets, draining }) });
      } catch (error) {
        for (const fd of Object.values(sockets)) setInherited(fd, false);
        await flock.start(count);
        throw error;
      }
    },
  };
}

/** The socket of the tools on this machine, only for this process's user and root. */
function openLocalSocket(directories: Directories, inherited: number | undefined): LocalSocket {
  const socketPath = localSocketPath(directories);
  return inherited === undefined
    ? listenLocal(socketPath, { mode: 0o600, backlog: listenBacklog })
    : adoptLocal(socketPath, inherited);
}

function announcedFiles(directories: Directories): { announcement: string; pid: string } {
  return { announcement: announcementPath(directories), pid: path.join(directories.run, 'proxmox-backup-proxy.pid') };
}

async function announce(directories: Directories, port: number): Promise<void> {
  const { announcement, pid } = announcedFiles(directories);
  await replaceFile(announcement, `${JSON.stringify({ pid: process.pid, port })}\n`, { durable: false });
  await replaceFile(pid, `${process.pid}\n`, { durable: false });
}

function withdraw(directories: Directories): void {
  for (const file of Object.values(announcedFiles(directories))) rmSync(file, { force: true });
}
