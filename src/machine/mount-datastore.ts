// Mounts and unmounts the file systems of removable datastores (config-and-tasks.md 9). The device is mounted where
// nobody looks, the datastore's directory on it is bound to /mnt/datastore/NAME, and the first mount goes again: several
// datastores share a device, and nothing else of it is seen. The bare mount point is sealed, so that even a process of
// root's that comes too late writes nothing into it.

import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { type FileLock, lockFile } from '../os/file-lock.ts';
import { getInodeFlags, setInodeFlags } from '../os/inode-flags.ts';
import { processName } from '../os/process.ts';
import { deviceNumber, deviceSequence, findDevice, isDevicePresent } from './block-device.ts';
import { datastoreMounts } from './disk-words.ts';
import type { Machine } from './machine.ts';
import { type MountEntry, mountAt, readMountTable } from './mount-table.ts';
import {
  bootId,
  datastorePath,
  directoryIdentity,
  forgetRecord,
  isLost,
  type MountPlace,
  type MountRecord,
  mountStatus,
  type PlacedDatastore,
  pathOnDevice,
  readRecord,
  recordPath,
} from './removable-datastore.ts';

/** A datastore on a removable device. */
export interface RemovableDatastore extends PlacedDatastore {
  'backing-device': string;
}

export interface MountWork {
  log: (line: string) => void;
  signal?: AbortSignal;
}

/** A file system that was not unmounted is looked through first. */
const mountTimeoutMs = 600_000;
/** What was written last may have to go to a slow device. */
const unmountTimeoutMs = 3_600_000;
const lockWaitMs = 10_000;
/** How long files may still be open after the last operation has ended. */
const busyMs = 30_000;
const busyPollMs = 200;
const immutable = 0x10;

/**
 * Mounts a datastore. With `make` its directory on the device is made if missing. Throws
 * `bad-request` when it is mounted already, when something else is in its place, or when the directory is missing, and
 * `not-found` when the device is.
 */
export async function mountDatastore(
  place: MountPlace,
  store: RemovableDatastore,
  work: MountWork,
  o: { make?: boolean } = {},
): Promise<void> {
  const { machine, directories } = place;
  const path = pathOnDevice(store.path);
  const target = datastorePath(machine, store);
  using _lock = await lockMount(directories, store.name);
  if (mountStatus(place, store) === 'mounted') {
    throw new GranaryError('bad-request', `datastore '${store.name}' is already mounted at '${target}'`);
  }
  const device = await findDevice(machine, store['backing-device']);
  const present = mountAt(await readMountTable(machine), target);
  if (present !== undefined && isRight(place, store, present, device)) {
    work.log(`${device} is mounted at '${target}' already, by somebody else: it is taken over`);
    return await remember(place, store, device);
  }
  if (present !== undefined) await clear(place, store.name, target, present, work);
  prepareMountPoint(target);
  const staging = await stagingFolder(machine, store.name);
  work.log(`mounting ${device} for datastore '${store.name}'`);
  await mount(machine, ['-o', 'nodev,nosuid', '--', device, staging], work);
  try {
    findDirectory(staging, path, { make: o.make ?? false, uuid: store['backing-device'] });
    await mount(machine, ['--bind', '--', path === '' ? staging : join(staging, path), target], work);
  } finally {
    await machine.run(['umount', '--', staging], { timeoutMs: unmountTimeoutMs });
    rmdirSync(staging);
  }
  await remember(place, store, device);
  work.log(`mounted '${path === '' ? '/' : path}' of ${device} at '${target}'`);
}

/**
 * Unmounts a datastore; everything is on the device then. Waits a while for files that are still open. Throws
 * `maintenance` when it is not mounted and `locked`, with who has files open, when it stays in use.
 */
export async function unmountDatastore(place: MountPlace, store: PlacedDatastore, work: MountWork): Promise<void> {
  const { machine, directories } = place;
  const target = datastorePath(machine, store);
  using _lock = await lockMount(directories, store.name);
  const present = mountAt(await readMountTable(machine), target);
  if (present === undefined) {
    forgetRecord(directories, store.name);
    throw new GranaryError('maintenance', `datastore '${store.name}' is not mounted`);
  }
  const deadline = performance.now() + busyMs;
  for (let told = false; ; told = true) {
    try {
      await machine.run(['umount', '--', target], { timeoutMs: unmountTimeoutMs });
      break;
    } catch (error) {
      if (!/busy/.test(messageOf(error))) throw error;
      const users = usersOf(machine, target);
      if (performance.now() >= deadline) {
        throw new GranaryError('locked', `'${target}' stays in use by ${users}, it was not unmounted`, {
          cause: error,
        });
      }
      if (!told) work.log(`waiting for open files: ${users}`);
      await delay(busyPollMs, undefined, { signal: work.signal }).catch(() => {});
      work.signal?.throwIfAborted();
    }
  }
  forgetRecord(directories, store.name);
  work.log(`unmounted '${target}'`);
  await tellWhetherFree(machine, present, work);
}

/** Whether somebody uses the device still: another datastore, another mount, or a process with mounts of its own. */
async function tellWhetherFree(machine: Machine, gone: MountEntry, { log }: MountWork): Promise<void> {
  const { source, device } = gone;
  const others = (await readMountTable(machine)).filter((entry) => entry.device === device);
  if (others.length > 0) {
    log(`${source} is still mounted at ${others.map(({ mountPoint }) => `'${mountPoint}'`).join(', ')}`);
    return;
  }
  try {
    // Of a block device this is refused while somebody has it for himself, as whoever mounts it does.
    closeSync(openSync(source, constants.O_RDONLY | constants.O_EXCL));
    log(`${source} can be removed`);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) return;
    log(`do not remove ${source} yet: a process with mounts of its own, like a container, has it mounted still`);
  }
}

/** Takes the mount point of a datastore away that is no longer configured; what is not empty stays. */
export function removeMountPoint(machine: Machine, store: PlacedDatastore): void {
  const target = datastorePath(machine, store);
  setSeal(target, false);
  try {
    rmdirSync(target);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EBUSY', 'EPERM')) throw error;
  }
}

/**
 * What a process that died while it mounted has left: staging mounts go, and what is mounted in the right place without
 * being remembered, by the original product for instance, is taken over.
 */
export async function settleMounts(place: MountPlace, stores: readonly PlacedDatastore[]): Promise<void> {
  const { machine, directories } = place;
  const table = await readMountTable(machine);
  for (const store of stores) {
    if (!isRemovable(store)) continue;
    using _lock = await lockMount(directories, store.name);
    const staging = stagingPath(machine, store.name);
    if (mountAt(table, staging) !== undefined) await machine.run(['umount', '--', staging]);
    const present = mountAt(table, datastorePath(machine, store));
    if (present === undefined || mountStatus(place, store) === 'mounted') continue;
    const device = await findDevice(machine, store['backing-device']).catch(() => undefined);
    if (device !== undefined && isRight(place, store, present, device)) await remember(place, store, device);
  }
}

export function isRemovable(store: PlacedDatastore): store is RemovableDatastore {
  return store['backing-device'] !== undefined;
}

/** Nobody else mounts or unmounts this datastore. Throws `locked`. */
async function lockMount(directories: Directories, name: string): Promise<FileLock> {
  const folder = dirname(recordPath(directories, name));
  makeFolder(folder);
  const lock = await lockFile(join(folder, `.${name}.lck`), { mode: 'exclusive', waitMs: lockWaitMs });
  if (lock === undefined) {
    throw new GranaryError('locked', `datastore '${name}' is being mounted or unmounted by somebody else`);
  }
  return lock;
}

/** Whether what is mounted is the datastore's directory on this device, which has not been away in between. */
function isRight(place: MountPlace, store: RemovableDatastore, present: MountEntry, device: string): boolean {
  if (present.root !== `/${pathOnDevice(store.path)}` || wasLost(place, store.name)) return false;
  // Some file systems have a number of their own, which is not the device's.
  return present.device === deviceNumber(device) || (present.device.startsWith('0:') && present.source === device);
}

/** Whether the device that was mounted since the machine's start is gone, or came back as another one. */
function wasLost({ machine, directories }: MountPlace, name: string): boolean {
  const record = readRecord(directories, name);
  return record !== undefined && record.boot === bootId(machine) && isLost(machine, record);
}

/** A device that was pulled out leaves its mount behind, which nobody can use any more. */
async function clear(
  place: MountPlace,
  name: string,
  target: string,
  present: MountEntry,
  work: MountWork,
): Promise<void> {
  const { machine } = place;
  const number = deviceNumber(present.source) ?? present.device;
  if (!wasLost(place, name) && (number.startsWith('0:') || isDevicePresent(machine, number))) {
    throw new GranaryError('bad-request', `'${target}' is taken: ${present.source} is mounted there`);
  }
  work.log(`taking away what is left of ${present.source}, which was removed without being unmounted`);
  await machine.run(['umount', '--lazy', '--', target]);
}

/** Makes a folder, and those above it, that the unprivileged part of the server can look into, whatever the umask is. */
function makeFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) chmodSync(at, 0o755);
}

/** Nothing is mounted over somebody's files, and nothing can be written while nothing is mounted. */
function prepareMountPoint(target: string): void {
  makeFolder(target);
  const [entry] = readdirSync(target);
  if (entry !== undefined) {
    throw new GranaryError('bad-request', `cannot mount over '${target}': it is not empty, it has an entry '${entry}'`);
  }
  setSeal(target, true);
}

/** Makes a directory immutable, where the file system can do that. */
export function setSeal(directory: string, sealed: boolean): void {
  if (!existsSync(directory)) return;
  const fd = openSync(directory, 'r');
  try {
    const flags = getInodeFlags(fd);
    if (flags === undefined || ((flags & immutable) !== 0) === sealed) return;
    setInodeFlags(fd, sealed ? flags | immutable : flags & ~immutable);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOTTY', 'ENOTSUP', 'EINVAL')) throw error;
  } finally {
    closeSync(fd);
  }
}

/** Where only root makes directories: nobody else may turn a mount elsewhere. */
const stagingPath = (machine: Machine, name: string): string => machine.path(`${datastoreMounts}/.staging/${name}`);

async function stagingFolder(machine: Machine, name: string): Promise<string> {
  const staging = stagingPath(machine, name);
  if (mountAt(await readMountTable(machine), staging) !== undefined) await machine.run(['umount', '--', staging]);
  makeFolder(dirname(dirname(staging)));
  mkdirSync(staging, { recursive: true, mode: 0o700 });
  return staging;
}

/** What `mount` says is more than a line, and its last one only names another program. */
async function mount(machine: Machine, words: readonly string[], { signal }: MountWork): Promise<void> {
  const options = { timeoutMs: mountTimeoutMs, accept: 'any' as const, ...(signal === undefined ? {} : { signal }) };
  const { code, stderr } = await machine.run(['mount', ...words], options);
  if (code === 0) return;
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !line.startsWith('dmesg(1)')).join(' ');
  throw new GranaryError('bad-request', said === '' ? `mount failed: exit code ${code}` : said);
}

/** Goes down to a directory, and follows no link out of the device. */
function findDirectory(top: string, path: string, o: { make: boolean; uuid: string }): void {
  let at = top;
  for (const part of path === '' ? [] : path.split('/')) {
    at = join(at, part);
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat !== undefined && !stat.isDirectory()) {
      throw new GranaryError('bad-request', `'${path}' on device '${o.uuid}' is not a directory`);
    }
    if (stat !== undefined) continue;
    if (!o.make) throw new GranaryError('bad-request', `there is no directory '${path}' on device '${o.uuid}'`);
    makeFolder(at);
  }
}

/** Remembers what is mounted at the place of a datastore now. */
async function remember(
  { machine, directories }: MountPlace,
  store: RemovableDatastore,
  device: string,
): Promise<void> {
  const directory = directoryIdentity(datastorePath(machine, store));
  if (directory === undefined) throw new GranaryError('io', `cannot look at what was mounted for '${store.name}'`);
  const block = deviceNumber(device);
  const sequence = block === undefined ? undefined : deviceSequence(machine, block);
  const record: MountRecord = {
    boot: bootId(machine),
    uuid: store['backing-device'],
    path: pathOnDevice(store.path),
    directory,
    ...(block === undefined ? {} : { block }),
    ...(sequence === undefined ? {} : { sequence }),
  };
  await replaceFile(recordPath(directories, store.name), JSON.stringify(record), { mode: 0o644 });
}

const mostUsers = 5;

/** The processes with files open below a directory, as far as this one may see. */
function usersOf(machine: Machine, directory: string): string {
  const isBelow = (link: string): boolean => {
    try {
      const target = readlinkSync(link);
      return target === directory || target.startsWith(`${directory}/`);
    } catch {
      return false;
    }
  };
  const uses = (pid: string): boolean => {
    try {
      const folder = machine.path(`/proc/${pid}`);
      return isBelow(`${folder}/cwd`) || readdirSync(`${folder}/fd`).some((fd) => isBelow(`${folder}/fd/${fd}`));
    } catch {
      return false;
    }
  };
  const pids = readdirSync(machine.path('/proc/')).filter((name) => /^\d+$/.test(name) && uses(name));
  const named = pids.slice(0, mostUsers).map((pid) => `process ${pid} (${processName(Number(pid)) ?? 'unknown'})`);
  return named.length === 0 ? 'something that cannot be seen' : named.join(', ');
}
