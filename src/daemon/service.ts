// A program of the server as a service: tells its manager when it is ready, reloading, stopping and alive, and runs
// until it is told to stop (sd_notify(3)). Without a manager only the last of these remains.

import { isErrno, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Notice, notifyManager, watchdogMs } from '../os/service-manager.ts';

export interface Service {
  /** Shown by `systemctl status`. */
  status: string;
  /** Whether requests are being answered. A manager that hears nothing else restarts the service. */
  isAlive(): boolean | Promise<boolean>;
  /** On SIGHUP; what it throws is logged, and the service goes on as it was. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** A manager that is busy is told again. */
const noticeRetryMs = 100;
const noticeTries = 100;

/** SIGHUP counts from here on; one that comes before the service runs is kept for it. */
export function catchReloads(): { each(handle: () => void): void } {
  let early = false;
  let handler: () => void = () => {
    early = true;
  };
  process.on('SIGHUP', () => handler());
  return {
    each: (handle) => {
      handler = handle;
      if (early) handle();
    },
  };
}

/** Runs a service that is up until `signal` is aborted, then stops it. */
export async function runService(
  service: Service,
  o: { reloads: ReturnType<typeof catchReloads>; signal: AbortSignal; log: Logger },
): Promise<void> {
  const { log, signal } = o;
  const tell = (notice: Notice, tries = noticeTries): void => {
    try {
      notifyManager(notice);
    } catch (error) {
      if (isErrno(error, 'EAGAIN') && tries > 1) setTimeout(() => tell(notice, tries - 1), noticeRetryMs);
      else log('warn', 'service-manager-not-told', { ...notice, error: messageOf(error) });
    }
  };
  let reloading = Promise.resolve();
  const reload = async (): Promise<void> => {
    if (signal.aborted) return;
    tell({ state: 'RELOADING', status: 'Reloading' });
    showLife();
    log('info', 'reload', {});
    await service.reload().catch((error: unknown) => log('error', 'reload-failed', { error: messageOf(error) }));
    tell({ state: 'READY', status: service.status });
  };
  const every = watchdogMs();
  // The manager counts from the last one, whoever gave it: a program that is becoming another one may not let it wait for
  // the rest of both their turns.
  const showLife = (): void => {
    if (every !== undefined) tell({ state: 'WATCHDOG' });
  };
  const alive = async (): Promise<void> => {
    // One that is lost is followed by the next.
    if (await service.isAlive()) tell({ state: 'WATCHDOG' }, 1);
    else log('error', 'service-does-not-answer', {});
  };
  // Four times in the time that the manager waits: what the machine stands still for in between counts, too.
  const timer = every === undefined ? undefined : setInterval(() => void alive(), every / 4);
  tell({ state: 'READY', status: service.status });
  showLife();
  o.reloads.each(() => {
    reloading = reloading.then(reload);
  });
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
  tell({ state: 'STOPPING', status: 'Stopping' });
  clearInterval(timer);
  await service.stop();
}
