// The machine's time zone: what it is, setting it, and following it while the server runs (rest-api.md 7.6 "time").

import { randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { syncDirectory } from '../os/atomic-file.ts';
import type { Machine } from './machine.ts';
import { replaceSystemFile } from './system-file.ts';

const zones = '/usr/share/zoneinfo';
const localTime = '/etc/localtime';

/** The configured zone's name; that of this process where the machine has none. */
export async function readTimeZone(machine: Machine): Promise<string> {
  const target = await readlink(machine.path(localTime)).catch(() => '');
  const linked = /zoneinfo\/(.+)$/.exec(target)?.[1];
  const named = (await machine.read('/etc/timezone'))?.trim();
  return linked ?? (named || new Intl.DateTimeFormat().resolvedOptions().timeZone);
}

/** Seconds that the zone's clocks are ahead of UTC at that moment; those of this process for an unknown zone. */
export function zoneOffset(zone: string, epoch: number): number {
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    const text = format.formatToParts(epoch * 1000).find((part) => part.type === 'timeZoneName')?.value ?? '';
    const [, sign, hours, minutes = '0', seconds = '0'] = /GMT([+-])(\d+)(?::(\d+))?(?::(\d+))?/.exec(text) ?? [];
    if (hours === undefined) return 0;
    return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
  } catch {
    return -new Date(epoch * 1000).getTimezoneOffset() * 60;
  }
}

/** Sets the zone. Throws `bad-request` for one that the machine does not know. */
export async function setTimeZone(machine: Machine, zone: string): Promise<void> {
  await checkZone(machine, zone);
  if (machine.hasSystemd) await machine.run(['timedatectl', '--no-ask-password', 'set-timezone', zone]);
  else await replaceLink(machine, localTime, `${zones}/${zone}`);
  // The C library reads the link, some programs the name, which systemd leaves as it was.
  if (machine.exists('/etc/timezone')) await replaceSystemFile(machine, '/etc/timezone', `${zone}\n`);
}

/**
 * Lets this process keep the machine's time from now on, whoever changes the zone: schedules, retention and logs go by it,
 * and Node would stay with the zone that it began with. A zone in the environment stays. Call the result to end it.
 */
export function followTimeZone(machine: Machine, adopt: () => void = adoptTimeZone): () => void {
  const file = machine.path(localTime);
  try {
    const watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
      if (name === null || name === basename(file)) adopt();
    });
    watcher.on('error', () => {});
    return () => watcher.close();
  } catch {
    // A machine without such a folder has no zone that could change, or nothing left to watch it with.
    return () => {};
  }
}

function adoptTimeZone(): void {
  // Any change of the variable makes Node look at the system anew.
  if (process.env['TZ'] === undefined) delete process.env['TZ'];
}

async function checkZone(machine: Machine, zone: string): Promise<void> {
  const components = zone.split('/');
  const wellFormed = components.every((part) => /^[A-Za-z0-9_+-][A-Za-z0-9._+-]*$/.test(part));
  const found = wellFormed ? await stat(machine.path(`${zones}/${zone}`)).catch(() => undefined) : undefined;
  if (found?.isFile()) return;
  if (!machine.exists(zones)) {
    throw new GranaryError('bad-request', `this machine knows no time zones: "${zones}" is missing (package tzdata)`);
  }
  throw new GranaryError('bad-request', `no such time zone '${zone}'`);
}

async function replaceLink(machine: Machine, file: string, target: string): Promise<void> {
  const path = machine.path(file);
  const temporary = `${path}.tmp_${randomBytes(4).toString('hex')}`;
  try {
    await symlink(target, temporary);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    if (isErrno(error, 'EACCES', 'EPERM')) {
      throw new GranaryError('io', `"${file}" cannot be changed: this takes root's rights`, { cause: error });
    }
    throw withContext(`unable to replace "${file}"`, error);
  }
}
