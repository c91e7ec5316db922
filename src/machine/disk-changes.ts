// Changing disks: a partition table, a wipe, a file system that is mounted for a datastore (rest-api.md 7.6 "disks").
// What holds somebody's data or is in use is refused: first by what lsblk tells, then by the kernel, which lets nobody
// claim a block device that is mounted or belongs to a volume group, an array or a pool.

import { constants, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { isMissingProgram } from '../os/run-program.ts';
import { type DatastoreFileSystem, datastoreMounts } from './disk-words.ts';
import { type Disk, listDirectories, listDisks } from './disks.ts';
import type { Machine } from './machine.ts';
import { replaceSystemFile } from './system-file.ts';

export interface DiskWork {
  machine: Machine;
  log: (line: string) => void;
  signal: AbortSignal;
}

const unitFolder = '/etc/systemd/system';

/** What is overwritten at the front by a wipe, so that no loader, label or superblock is found again. */
const wipedFront = 200 * 1024 * 1024;
/** What is overwritten at the end: the copy of a GPT, labels of ZFS, superblocks of arrays. */
const wipedEnd = 4 * 1024 * 1024;

/** The disk, if nothing at all is on it. Throws `not-found`, or `bad-request` that says what it is used for. */
export async function unusedDisk(machine: Machine, name: string): Promise<Disk> {
  const disk = await findDisk(machine, name);
  if (disk.used !== 'unused') {
    throw new GranaryError('bad-request', `disk '${disk.devpath}' is already in use (${disk.used})`);
  }
  return disk;
}

/** The disk, if no part of it is mounted or belongs to something that runs. */
export async function wipeableDisk(machine: Machine, name: string): Promise<Disk> {
  const disk = await findDisk(machine, name);
  const inUse = [disk, ...(disk.partitions ?? [])].find((one) => ['mounted', 'devicemapper'].includes(one.used));
  if (inUse !== undefined) {
    throw new GranaryError('bad-request', `'${inUse.devpath}' is in use (${inUse.used}), nothing was changed`);
  }
  return disk;
}

async function findDisk(machine: Machine, name: string): Promise<Disk> {
  const disks = await listDisks(machine, { smart: false, partitions: true });
  const disk = disks.find((one) => one.name === name);
  if (disk === undefined) throw new GranaryError('not-found', `disk '${name}' does not exist`);
  return disk;
}

/** Gives an unused disk an empty GPT, with this UUID or one by chance. */
export async function initializeDisk(work: DiskWork, disk: Disk, uuid?: string): Promise<void> {
  await checkUnclaimed(work.machine, disk.devpath);
  await writePartitionTable(work, disk, `label: gpt\n${uuid === undefined ? '' : `label-id: ${uuid}\n`}`);
}

/** Takes signatures and partitions off a disk and overwrites where they were. The rest of its data is not erased. */
export async function wipeDisk(work: DiskWork, disk: Disk): Promise<void> {
  const { machine, log, signal } = work;
  const devices = [...(disk.partitions ?? []), disk].map((one) => one.devpath);
  for (const device of devices) await checkUnclaimed(machine, device);
  for (const device of devices) {
    log(`removing signatures of ${device}`);
    await machine.run(['wipefs', '--all', device], { onLine: log, signal });
  }
  await using target = await claim(machine, disk.devpath);
  const front = Math.min(disk.size, wipedFront);
  const end = Math.max(front, disk.size - wipedEnd);
  log(`overwriting the first ${front} and the last ${disk.size - end} bytes of ${disk.devpath}`);
  try {
    await overwrite(target, 0, front, signal);
    await overwrite(target, end, disk.size, signal);
    await target.sync();
  } catch (error) {
    throw withContext(`wiping '${disk.devpath}' failed`, error);
  }
}

/** Throws when somebody uses the device. */
export async function checkUnclaimed(machine: Machine, device: string): Promise<void> {
  await (await claim(machine, device)).close();
}

/** Opened for writing by nobody else: the kernel refuses a block device that is in use. */
async function claim(machine: Machine, device: string): Promise<FileHandle> {
  try {
    return await open(machine.path(device), constants.O_RDWR | constants.O_EXCL);
  } catch (error) {
    if (isErrno(error, 'EBUSY')) {
      throw new GranaryError('bad-request', `'${device}' is in use, nothing was changed`, { cause: error });
    }
    throw withContext(`opening '${device}' failed`, error);
  }
}

async function overwrite(target: FileHandle, from: number, to: number, signal: AbortSignal): Promise<void> {
  const zeros = Buffer.alloc(1024 * 1024);
  for (let at = from; at < to; at += zeros.length) {
    signal.throwIfAborted();
    await target.write(zeros, 0, Math.min(zeros.length, to - at), at);
  }
}

async function writePartitionTable({ machine, log, signal }: DiskWork, disk: Disk, script: string): Promise<void> {
  log(`writing a partition table to ${disk.devpath}`);
  await machine.run(['sfdisk', '--wipe', 'always', '--wipe-partitions', 'always', disk.devpath], {
    input: script,
    onLine: log,
    signal,
  });
  try {
    await machine.run(['udevadm', 'settle'], { signal });
  } catch (error) {
    if (!isMissingProgram(error)) throw error;
  }
}

/** Throws when a file system of that name cannot be mounted for a datastore here. */
export function checkNewDirectory(machine: Machine, name: string): void {
  if (!machine.hasSystemd) {
    throw new GranaryError(
      'bad-request',
      'file systems are mounted by units of systemd, which does not run this machine',
    );
  }
  if (machine.exists(unitPath(name))) throw new GranaryError('bad-request', `"${unitPath(name)}" exists already`);
  if (machine.exists(`${datastoreMounts}/${name}`)) {
    throw new GranaryError('bad-request', `path '${datastoreMounts}/${name}' already exists`);
  }
}

/** Makes one partition over an unused disk and a file system in it. Gives its UUID. */
export async function createFileSystem(work: DiskWork, disk: Disk, filesystem: DatastoreFileSystem): Promise<string> {
  const { machine, log, signal } = work;
  await checkUnclaimed(machine, disk.devpath);
  await writePartitionTable(work, disk, 'label: gpt\ntype=linux\n');
  const partition = partitionPath(disk.devpath, 1);
  log(`creating a file system of type ${filesystem} in ${partition}`);
  const force = filesystem === 'xfs' ? '-f' : '-F';
  await machine.run([`mkfs.${filesystem}`, force, partition], { timeoutMs: 3_600_000, onLine: log, signal });
  const { stdout } = await machine.run(['blkid', '-p', '-s', 'UUID', '-o', 'value', partition], { signal });
  const uuid = stdout.trim();
  if (!/^[0-9A-Za-z-]+$/.test(uuid)) throw new GranaryError('io', `the new file system in '${partition}' has no UUID`);
  return uuid;
}

/**
 * Makes a file system on an unused disk, and a unit that mounts it below /mnt/datastore now and at each start. Gives
 * where it is mounted.
 */
export async function createDirectory(
  work: DiskWork,
  disk: Disk,
  o: { name: string; filesystem: DatastoreFileSystem },
): Promise<string> {
  const { machine, log } = work;
  const uuid = await createFileSystem(work, disk, o.filesystem);
  const mountPoint = `${datastoreMounts}/${o.name}`;
  const unit = mountUnit({ device: `/dev/disk/by-uuid/${uuid}`, mountPoint, filesystem: o.filesystem, name: o.name });
  await replaceSystemFile(machine, unitPath(o.name), unit);
  log(`mounting it at ${mountPoint}`);
  await systemctl(machine, ['daemon-reload']);
  await systemctl(machine, ['enable', '--now', unitName(o.name)]);
  return mountPoint;
}

/** Unmounts what `createDirectory` mounted and takes its unit out; the data stays on the disk. */
export async function removeDirectory(machine: Machine, name: string): Promise<void> {
  const mounts = await listDirectories(machine);
  if (!mounts.some((one) => one.name === name)) {
    throw new GranaryError('not-found', `no file system is mounted for '${name}'`);
  }
  if (machine.hasSystemd) await systemctl(machine, ['disable', '--now', unitName(name)]);
  rmSync(machine.path(unitPath(name)), { force: true });
  if (machine.hasSystemd) await systemctl(machine, ['daemon-reload']);
}

async function systemctl(machine: Machine, args: readonly string[]): Promise<void> {
  await machine.run(['systemctl', '--no-ask-password', ...args], { timeoutMs: 120_000 });
}

/** The device of a partition: a number ends the names of some disks, which then need a letter between. */
export function partitionPath(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

/** systemd names a mount unit after its path: slashes become dashes, dashes are escaped. */
function unitName(name: string): string {
  return `mnt-datastore-${name.replace(/-/g, '\\x2d')}.mount`;
}

function unitPath(name: string): string {
  return `${unitFolder}/${unitName(name)}`;
}

function mountUnit(o: { device: string; mountPoint: string; filesystem: string; name: string }): string {
  return [
    '[Unit]',
    `Description=Mount datastore '${o.name}' under '${o.mountPoint}'`,
    '',
    '[Mount]',
    'Options=defaults',
    `Type=${o.filesystem}`,
    `What=${o.device}`,
    `Where=${o.mountPoint}`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}
