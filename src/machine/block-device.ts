// Block devices by the UUID of their file system, and whether one is still there (config-and-tasks.md 9).

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import type { Machine } from './machine.ts';

/**
 * The device with a file system of that UUID: by the link that udev keeps, else by looking at every device, which needs
 * root. Throws `not-found` that names the UUID.
 */
export async function findDevice(machine: Machine, uuid: string): Promise<string> {
  const link = machine.path(`/dev/disk/by-uuid/${uuid}`);
  const found = existsSync(link) ? realpathSync(link) : await probeDevices(machine, uuid);
  const number = found === '' ? undefined : deviceNumber(found);
  if (found === '' || (number !== undefined && !isDevicePresent(machine, number))) {
    throw new GranaryError('not-found', `there is no device with a file system of UUID '${uuid}'`);
  }
  return found;
}

/**
 * Without the cache, which knows what was in a drive a while ago. Not by `--uuid`, which finds some devices only every
 * other time.
 */
async function probeDevices(machine: Machine, uuid: string): Promise<string> {
  const words = ['--cache-file', '/dev/null', '--match-token', `UUID=${uuid}`, '--output', 'device'];
  const { stdout } = await machine.run(['blkid', ...words], { accept: [0, 2] });
  return stdout.split('\n')[0]!.trim();
}

/** `major:minor` of a block device; undefined for what is none. */
export function deviceNumber(path: string): string | undefined {
  let stat: ReturnType<typeof statBig>;
  try {
    stat = statBig(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  if (!stat.isBlockDevice()) return undefined;
  // As the C library takes device numbers apart.
  const major = ((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & ~0xfffn);
  const minor = (stat.rdev & 0xffn) | ((stat.rdev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

const statBig = (path: string) => statSync(path, { bigint: true });

/** Tells one device of a number from the next one that gets it; undefined where the kernel does not count them. */
export function deviceSequence(machine: Machine, number: string): string | undefined {
  let folder: string;
  try {
    folder = realpathSync(machine.path(`/sys/dev/block/${number}`));
  } catch {
    return undefined;
  }
  // A partition has that of its disk.
  return textOf(`${folder}/diskseq`) ?? textOf(`${dirname(folder)}/diskseq`);
}

/** Whether the kernel still has the device, with a medium in it. */
export function isDevicePresent(machine: Machine, number: string): boolean {
  const size = textOf(machine.path(`/sys/dev/block/${number}/size`));
  return size !== undefined && size !== '0';
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
