// Changing disks: what is refused, what is run in which order, and on a real block device what is on it afterwards.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findInstalled } from '../../test/support/installed.ts';
import { runProgram } from '../os/run-program.ts';
import {
  checkNewDirectory,
  createDirectory,
  initializeDisk,
  partitionPath,
  removeDirectory,
  unusedDisk,
  wipeableDisk,
  wipeDisk,
} from './disk-changes.ts';
import { type Disk, listDirectories } from './disks.ts';
import { Machine } from './machine.ts';
import { FakeMachine } from './testing/fake-machine.ts';
import { checkPoolSize, createZfsPool } from './zfs.ts';

const signal = new AbortController().signal;
const device = (name: string, o: object = {}) => ({ name, path: `/dev/${name}`, type: 'disk', size: 4096, ...o });
const lsblk = JSON.stringify({
  blockdevices: [
    device('sda', { children: [device('sda1', { type: 'part', fstype: 'ext4', mountpoints: ['/'] })] }),
    device('sdb'),
    device('sdc', { fstype: 'ext4', children: [device('sdc1', { type: 'part', fstype: 'xfs' })] }),
    device('sdd', { children: [device('md0', { type: 'raid1' })] }),
  ],
});

function fakeMachine(programs: ConstructorParameters<typeof FakeMachine>[1] = {}): FakeMachine {
  const silent = Object.fromEntries(
    ['sfdisk', 'wipefs', 'mkfs.ext4', 'mkfs.xfs', 'systemctl', 'zpool', 'zfs'].map((name) => [name, () => '']),
  );
  const content = 'x'.repeat(4096);
  const files = { '/dev/sda': content, '/dev/sdb': content, '/dev/sdc': content, '/dev/sdc1': content };
  return new FakeMachine(files, { lsblk: () => lsblk, blkid: () => 'a-b-c\n', ...silent, ...programs });
}

const work = (machine: Machine, log: string[] = []) => ({ machine, signal, log: (line: string) => log.push(line) });

test('a disk with anything on it is not given away, one in use not even wiped', async () => {
  using machine = fakeMachine();
  await assert.rejects(unusedDisk(machine, 'sda'), /disk '\/dev\/sda' is already in use \(partitions\)/);
  await assert.rejects(unusedDisk(machine, 'sdc'), /is already in use \(partitions\)/);
  await assert.rejects(unusedDisk(machine, 'sdx'), /disk 'sdx' does not exist/);
  assert.equal((await unusedDisk(machine, 'sdb')).devpath, '/dev/sdb');
  await assert.rejects(wipeableDisk(machine, 'sda'), /'\/dev\/sda1' is in use \(mounted\), nothing was changed/);
  await assert.rejects(wipeableDisk(machine, 'sdd'), /'\/dev\/sdd' is in use \(devicemapper\)/);
  assert.equal((await wipeableDisk(machine, 'sdc')).used, 'partitions');
});

test('a wipe takes signatures off the partitions and the disk, then overwrites', async () => {
  using machine = fakeMachine();
  await wipeDisk(work(machine), await wipeableDisk(machine, 'sdc'));
  assert.deepEqual(machine.calls.slice(1), ['wipefs --all /dev/sdc1', 'wipefs --all /dev/sdc']);
  assert.deepEqual(readFileSync(machine.path('/dev/sdc')), Buffer.alloc(4096));
});

test('a wipe that cannot even open the disk runs nothing', async () => {
  using machine = fakeMachine();
  const disk = { ...(await wipeableDisk(machine, 'sdc')), devpath: '/dev/gone' };
  machine.calls.length = 0;
  await assert.rejects(wipeDisk(work(machine), disk), /opening '\/dev\/gone' failed/);
  assert.deepEqual(machine.calls, []);
});

test('a file system for a datastore is made, mounted by a unit, listed, and taken out again', async () => {
  using machine = fakeMachine();
  assert.throws(() => checkNewDirectory(machine, 'store-1'), /mounted by units of systemd, which does not run/);
  machine.write('/run/systemd/system/.keep', '');
  machine.write('/etc/systemd/system/.keep', '');
  checkNewDirectory(machine, 'store-1');
  const disk = await unusedDisk(machine, 'sdb');
  const log: string[] = [];
  machine.calls.length = 0;
  const place = await createDirectory(work(machine, log), disk, { name: 'store-1', filesystem: 'xfs' });
  assert.equal(place, '/mnt/datastore/store-1');
  const unit = 'mnt-datastore-store\\x2d1.mount';
  assert.deepEqual(machine.calls, [
    'sfdisk --wipe always --wipe-partitions always /dev/sdb',
    'udevadm settle',
    'mkfs.xfs -f /dev/sdb1',
    'blkid -p -s UUID -o value /dev/sdb1',
    'systemctl --no-ask-password daemon-reload',
    `systemctl --no-ask-password enable --now ${unit}`,
  ]);
  const [mount, ...others] = await listDirectories(machine);
  assert.deepEqual(others, []);
  assert.deepEqual(mount, {
    unitfile: `/etc/systemd/system/${unit}`,
    name: 'store-1',
    path: '/mnt/datastore/store-1',
    device: '/dev/disk/by-uuid/a-b-c',
    removable: false,
    filesystem: 'xfs',
    options: 'defaults',
  });
  assert.throws(() => checkNewDirectory(machine, 'store-1'), /exists already/);
  await removeDirectory(machine, 'store-1');
  assert.deepEqual(await listDirectories(machine), []);
  assert.ok(machine.calls.includes(`systemctl --no-ask-password disable --now ${unit}`));
  await assert.rejects(removeDirectory(machine, 'store-1'), /no file system is mounted for 'store-1'/);
});

test('partitions of disks whose name ends with a number have a letter between', () => {
  assert.equal(partitionPath('/dev/sda', 1), '/dev/sda1');
  assert.equal(partitionPath('/dev/nvme0n1', 2), '/dev/nvme0n1p2');
});

test('pools of each level are made of the right groups, and refused with too few disks', async () => {
  using machine = fakeMachine();
  const disks = ['a', 'b', 'c', 'd'].map((letter) => ({ devpath: `/dev/sd${letter}` }) as Disk);
  for (const letter of ['a', 'b', 'c', 'd']) machine.write(`/dev/sd${letter}`, '');
  const pool = { name: 'tank', ashift: 12, compression: 'zstd' } as const;
  const groups = async (raidLevel: 'single' | 'mirror' | 'raid10' | 'raidz', count: number) => {
    machine.calls.length = 0;
    assert.equal(
      await createZfsPool(work(machine), disks.slice(0, count), { ...pool, raidLevel }),
      '/mnt/datastore/tank',
    );
    assert.equal(machine.calls[1], 'zfs set relatime=on compression=zstd tank');
    return machine.calls[0]!.replace('zpool create -o ashift=12 -m /mnt/datastore/tank tank ', '');
  };
  assert.equal(await groups('single', 1), '/dev/sda');
  assert.equal(await groups('mirror', 2), 'mirror /dev/sda /dev/sdb');
  assert.equal(await groups('raid10', 4), 'mirror /dev/sda /dev/sdb mirror /dev/sdc /dev/sdd');
  assert.equal(await groups('raidz', 3), 'raidz /dev/sda /dev/sdb /dev/sdc');
  assert.throws(() => checkPoolSize('single', 2), /takes exactly one disk, got 2/);
  assert.throws(() => checkPoolSize('raidz2', 3), /takes at least 4 disks, got 3/);
  assert.throws(() => checkPoolSize('raid10', 5), /takes an even number of disks, got 5/);
  checkPoolSize('raidz3', 5);
});

/** A loop device over a sparse file, or undefined where this process may not have one. */
function loopDevice(losetup: string, folder: string): string | undefined {
  const file = `${folder}/disk.img`;
  const fd = openSync(file, 'w');
  ftruncateSync(fd, 64 * 1024 * 1024);
  closeSync(fd);
  const { status, stdout } = spawnSync(losetup, ['--find', '--show', '--partscan', file], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

const tools = [
  findInstalled('losetup', 'mount'),
  findInstalled('sfdisk', 'fdisk'),
  findInstalled('wipefs', 'util-linux'),
  findInstalled('mkfs.ext4', 'e2fsprogs'),
  findInstalled('mount', 'mount'),
];
if (process.getuid?.() === 0 && tools.every((tool) => tool !== undefined)) {
  test('on a real block device a table is written, what is mounted is refused, and a wipe leaves nothing', async (t) => {
    using place = new FakeMachine();
    const loop = loopDevice(tools[0]!, place.folder);
    if (loop === undefined) return t.diagnostic('this machine gives no loop device');
    t.after(() => spawnSync('losetup', ['--detach', loop]));
    const machine = new Machine();
    const log: string[] = [];
    const disk = { name: 'loop', devpath: loop, size: 64 * 1024 * 1024 } as Disk;
    await initializeDisk(work(machine, log), disk, '6F1D0A2E-1111-4222-8333-444455556666');
    const { stdout: table } = await runProgram(['sfdisk', '--dump', loop]);
    assert.match(table, /label: gpt\nlabel-id: 6F1D0A2E-1111-4222-8333-444455556666/);
    await runProgram(['wipefs', '--all', loop]);
    await runProgram(['mkfs.ext4', '-q', '-F', loop]);
    const target = `${place.folder}/mnt`;
    place.write('mnt/.keep', '');
    await runProgram(['mount', loop, target]);
    await assert
      .rejects(wipeDisk(work(machine), disk), /is in use, nothing was changed/)
      .finally(() => spawnSync('umount', [target]));
    assert.match((await runProgram(['wipefs', loop])).stdout, /ext4/);
    await wipeDisk(work(machine), disk);
    assert.equal((await runProgram(['wipefs', loop])).stdout, '');
    assert.equal(
      readFileSync(loop).findIndex((byte) => byte !== 0),
      -1,
    );
  });
}
