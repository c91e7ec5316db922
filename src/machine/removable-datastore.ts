// Where a datastore is, and whether it is there: one on a removable device is mounted below /mnt/datastore, and what
// was mounted is remembered, so that every process can tell the right file system from another one and from the bare
// directory, at the price of a few looks (config-and-tasks.md 9). Mounting is in `mount-datastore.ts`.

import { readFileSync, rmSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { deviceSequence, isDevicePresent } from './block-device.ts';
import { datastoreMounts, type MountStatus } from './disk-words.ts';
import type { Machine } from './machine.ts';

/** What of a configured datastore matters here. */
export interface PlacedDatastore {
  name: string;
  /** Absolute, or below the top of the device. */
  path: string;
  'backing-device'?: string | undefined;
}

/** A server and the machine that it runs on. */
export interface MountPlace {
  machine: Machine;
  directories: Directories;
}

/** What was mounted. */
export interface MountRecord {
  /** Start of the machine since which it is. */
  boot: string;
  uuid: string;
  /** Directory below the top of the device, without slashes at its ends. */
  path: string;
  /** Device and inode of the directory that is seen at the mount point. */
  directory: string;
  /** `major:minor` of the block device. */
  block?: string;
  /** Tells the device from another one that later has its number. */
  sequence?: string;
}

/** The directory of a datastore, as it is called on its machine. */
export function pathOf(store: PlacedDatastore): string {
  return store['backing-device'] === undefined ? store.path : `${datastoreMounts}/${store.name}`;
}

/** The same, where this process finds it. */
export function datastorePath(machine: Machine, store: PlacedDatastore): string {
  return store['backing-device'] === undefined ? store.path : machine.path(pathOf(store));
}

/** The directory of a removable datastore below the top of its device: no slash at its ends, empty for the top. */
export function pathOnDevice(path: string): string {
  const plain = posix.normalize(`/${path}`).replace(/^\/+|\/+$/g, '');
  if (path.split('/').includes('..')) {
    throw new GranaryError('bad-request', `path '${path}' leads out of the device: it has '..'`);
  }
  return plain;
}

/**
 * Whether the file system of a datastore is at its place: the one that was mounted there, on a device that is still
 * there. Reads a few small files.
 */
export function mountStatus({ machine, directories }: MountPlace, store: PlacedDatastore): MountStatus {
  const uuid = store['backing-device'];
  if (uuid === undefined) return 'nonremovable';
  const record = readRecord(directories, store.name);
  if (record === undefined || record.uuid !== uuid || record.path !== pathOnDevice(store.path)) return 'notmounted';
  if (record.boot !== bootId(machine) || record.directory !== directoryIdentity(datastorePath(machine, store))) {
    return 'notmounted';
  }
  return isLost(machine, record) ? 'notmounted' : 'mounted';
}

/** Whether the device of a mount was removed since; another one may have its number by now. */
export function isLost(machine: Machine, { block, sequence }: MountRecord): boolean {
  if (block === undefined) return false;
  return !isDevicePresent(machine, block) || deviceSequence(machine, block) !== sequence;
}

/** Throws `maintenance` when a removable datastore is not mounted. */
export function checkMounted(place: MountPlace, store: PlacedDatastore): void {
  if (mountStatus(place, store) === 'notmounted') {
    throw new GranaryError('maintenance', `datastore '${store.name}' is not mounted`);
  }
}

/** Device and inode of a directory; undefined when it cannot be looked at, as on a device that is gone. */
export function directoryIdentity(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** Names the start of the machine: what is mounted now is not mounted after the next. */
export function bootId(machine: Machine): string {
  try {
    return readFileSync(machine.path('/proc/sys/kernel/random/boot_id'), 'utf8').trim();
  } catch {
    return '';
  }
}

export function recordPath(directories: Directories, name: string): string {
  return join(directories.run, 'mounts', `${name}.json`);
}

export function forgetRecord(directories: Directories, name: string): void {
  rmSync(recordPath(directories, name), { force: true });
}

/** What was mounted last, maybe before the last start of the machine. A file that cannot be understood is none. */
export function readRecord(directories: Directories, name: string): MountRecord | undefined {
  let text: string;
  try {
    text = readFileSync(recordPath(directories, name), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is MountRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { boot, uuid, path, directory } = value as Partial<MountRecord>;
  return [boot, uuid, path, directory].every((one) => typeof one === 'string');
}
