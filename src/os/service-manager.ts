// What a service tells the service manager that started it (sd_notify, sd_watchdog_enabled, sd-daemon log levels), and
// what that one asks of it by its environment. All of it does nothing for a process that no manager started.

import * as fs from 'node:fs';
import { sendDatagram } from './sockets.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** One state change, in the words of sd_notify(3); `status` is shown by `systemctl status`. */
export interface Notice {
  state?: 'READY' | 'RELOADING' | 'STOPPING' | 'WATCHDOG';
  status?: string;
}

/** Tells the manager; false when there is none. Throws a system error when it cannot be told. */
export function notifyManager(notice: Notice, env: Environment = process.env): boolean {
  const address = env['NOTIFY_SOCKET'];
  if (address === undefined || !/^[/@]./.test(address)) return false;
  const lines = notice.state === undefined ? [] : [`${notice.state}=1`];
  // The manager pairs a RELOADING with the READY after it by the clock that does not jump.
  if (notice.state === 'RELOADING') lines.push(`MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  if (notice.status !== undefined) lines.push(`STATUS=${notice.status.replaceAll('\n', ' ')}`);
  sendDatagram(address, lines.join('\n'));
  return true;
}

/** Within how many milliseconds the manager wants each sign of life of this process; undefined when it wants none. */
export function watchdogMs(env: Environment = process.env): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC']);
  const forThis = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(process.pid);
  return forThis && Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 1000 : undefined;
}

/** Whether standard error leads to the journal, which then takes a level in front of each line. */
export function logsToJournal(env: Environment = process.env): boolean {
  const stream = env['JOURNAL_STREAM'];
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fs.fstatSync(2, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
