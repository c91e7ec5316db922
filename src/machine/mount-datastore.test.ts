// Removable datastores on real loop devices: mounted by UUID, recognised, refused, lost, and taken away.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasLoopDevices, LoopDevice, MountingMachine } from '../../test/support/loop-device.ts';
import { resolveDirectories } from '../config/directories.ts';
import { mountDatastore, removeMountPoint, settleMounts, unmountDatastore } from './mount-datastore.ts';
import { mountAt, parseMountTable, readMountTable } from './mount-table.ts';
import { datastorePath, mountStatus, pathOnDevice, recordPath } from './removable-datastore.ts';

test('the table of mounts is read, with blanks in names and several mounts over each other', () => {
  const table = parseMountTable(
    [
      '22 27 0:21 / /proc rw,relatime - proc proc rw',
      '44 27 8:17 /a\\040b /mnt/my\\040disk rw,relatime shared:1 - ext4 /dev/sdb1 rw',
      '45 27 8:33 / /mnt/my\\040disk rw - xfs /dev/sdc1 rw',
      'no mount at all',
    ].join('\n'),
  );
  assert.deepEqual(table[1], {
    device: '8:17',
    root: '/a b',
    mountPoint: '/mnt/my disk',
    filesystem: 'ext4',
    source: '/dev/sdb1',
  });
  assert.equal(table.length, 3);
  assert.equal(mountAt(table, '/mnt/my disk')?.source, '/dev/sdc1');
  assert.equal(mountAt(table, '/mnt'), undefined);
});

test('paths on a device have no slashes around them and never leave it', () => {
  assert.equal(pathOnDevice('a//b/'), 'a/b');
  assert.equal(pathOnDevice('/a/./b'), 'a/b');
  assert.equal(pathOnDevice('/'), '');
  assert.throws(() => pathOnDevice('a/../../b'), /path 'a\/\.\.\/\.\.\/b' leads out of the device: it has '\.\.'/);
});

function setUp(t: TestContext) {
  const home = mkdtempSync(path.join(os.tmpdir(), 'granary-mount-'));
  const directories = resolveDirectories(home, 'home');
  mkdirSync(directories.run);
  const machine = new MountingMachine();
  const device = new LoopDevice();
  t.after(() => {
    machine[Symbol.dispose]();
    device[Symbol.dispose]();
    rmSync(home, { recursive: true, force: true });
  });
  const place = { machine, directories };
  const store = { name: 'usb1', path: 'backups/one', 'backing-device': device.uuid };
  const log: string[] = [];
  const work = { log: (line: string) => log.push(line) };
  return { place, machine, directories, device, store, log, work, target: datastorePath(machine, store) };
}

if (hasLoopDevices()) {
  test('a directory of the device is mounted, known to be there, and unmounted', async (t) => {
    const { place, store, work, target, machine, directories, log, device } = setUp(t);
    assert.equal(mountStatus(place, store), 'notmounted');
    await assert.rejects(mountDatastore(place, store, work), /there is no directory 'backups\/one' on device/);
    // As the privileged part of an installation has it: the other part has to get to all of it.
    const mask = process.umask(0o027);
    await mountDatastore(place, store, work, { make: true }).finally(() => process.umask(mask));
    for (const folder of [path.dirname(target), target, path.dirname(recordPath(directories, store.name))]) {
      assert.equal(statSync(folder).mode & 0o777, 0o755, folder);
    }
    assert.equal(mountStatus(place, store), 'mounted');
    assert.ok(log.includes(`mounted 'backups/one' of ${device.path} at '${target}'`), log.join('\n'));
    writeFileSync(`${target}/kept`, 'x');
    await assert.rejects(mountDatastore(place, store, work), /datastore 'usb1' is already mounted at/);
    // Another datastore of the same device, at the same time.
    const other = { ...store, name: 'usb2', path: '/two/' };
    await mountDatastore(place, other, work, { make: true });
    assert.deepEqual(readdirSync(datastorePath(machine, other)), []);
    const mounts = (await readMountTable(machine)).filter(({ mountPoint }) => mountPoint.includes('/.staging/'));
    assert.deepEqual(mounts, []);
    // Other settings mean another place.
    assert.equal(mountStatus(place, { ...store, path: 'two' }), 'notmounted');
    assert.equal(mountStatus(place, { ...store, 'backing-device': 'ABCD-1234' }), 'notmounted');
    await unmountDatastore(place, other, work);
    await unmountDatastore(place, store, work);
    assert.equal(mountStatus(place, store), 'notmounted');
    await assert.rejects(unmountDatastore(place, store, work), { message: "datastore 'usb1' is not mounted" });
    // Not even root writes into the bare mount point.
    assert.throws(() => writeFileSync(`${target}/lost`, 'x'), /EPERM/);
    await mountDatastore(place, store, work);
    assert.ok(existsSync(`${target}/kept`));
    await unmountDatastore(place, store, work);
    removeMountPoint(machine, store);
    assert.ok(!existsSync(target));
  });

  test('what is in the way is named, and nothing leads out of the device', async (t) => {
    const { place, store, work, target, machine } = setUp(t);
    const absent = { ...store, 'backing-device': '0000-ABCD' };
    await assert.rejects(mountDatastore(place, absent, work), {
      code: 'not-found',
      message: "there is no device with a file system of UUID '0000-ABCD'",
    });
    mkdirSync(target, { recursive: true });
    writeFileSync(`${target}/somebody's`, '');
    await assert.rejects(mountDatastore(place, store, work), /cannot mount over '.*usb1': it is not empty, it has an/);
    rmSync(`${target}/somebody's`);
    using other = new LoopDevice();
    spawnSync('mount', [other.path, target]);
    await assert.rejects(mountDatastore(place, store, work, { make: true }), (error: Error) =>
      error.message.endsWith(`usb1' is taken: ${other.path} is mounted there`),
    );
    spawnSync('umount', [target]);
    const top = { ...store, name: 'top', path: '/' };
    await mountDatastore(place, top, work);
    symlinkSync('/etc', `${datastorePath(machine, top)}/backups`);
    await assert.rejects(mountDatastore(place, store, work, { make: true }), /on device '.*' is not a directory/);
    await unmountDatastore(place, top, work);
  });

  test('open files keep a device, and who has them is told', async (t) => {
    const { place, store, work, target, log } = setUp(t);
    await mountDatastore(place, store, work, { make: true });
    const stop = new AbortController();
    const { openSync, closeSync } = await import('node:fs');
    const fd = openSync(target, 'r');
    const waiting = unmountDatastore(place, store, {
      log: (line) => {
        log.push(line);
        if (line.startsWith('waiting')) stop.abort(new Error('enough'));
      },
      signal: stop.signal,
    });
    await assert.rejects(waiting, /enough/);
    assert.match(log.at(-1)!, new RegExp(`^waiting for open files: process ${process.pid} \\(`));
    assert.equal(mountStatus(place, store), 'mounted');
    closeSync(fd);
    await unmountDatastore(place, store, work);
  });

  test('a device that was pulled out is no longer there, and can be plugged in again', async (t) => {
    const { place, store, work, device, log, machine } = setUp(t);
    await mountDatastore(place, store, work, { make: true });
    device.pull();
    assert.equal(mountStatus(place, store), 'notmounted');
    await assert.rejects(mountDatastore(place, store, work), /there is no device with a file system of UUID/);
    using again = new LoopDevice();
    const same = { ...store, 'backing-device': again.uuid };
    await mountDatastore(place, same, work, { make: true });
    assert.ok(log.some((line) => line.startsWith(`taking away what is left of ${device.path}, which was removed`)));
    assert.equal(mountStatus(place, same), 'mounted');
    assert.equal(mountAt(await readMountTable(machine), datastorePath(machine, same))?.source, again.path);
    await unmountDatastore(place, same, work);
  });

  test('a start takes over what is mounted, and clears what a crash has left', async (t) => {
    const { place, store, work, directories, device, machine, target } = setUp(t);
    await mountDatastore(place, store, work, { make: true });
    rmSync(recordPath(directories, store.name));
    assert.equal(mountStatus(place, store), 'notmounted');
    const staging = machine.path(`/mnt/datastore/.staging/${store.name}`);
    mkdirSync(staging);
    spawnSync('mount', [device.path, staging]);
    await settleMounts(place, [{ name: 'fixed', path: '/srv/fixed' }, store]);
    assert.equal(mountStatus(place, store), 'mounted');
    assert.equal(mountAt(await readMountTable(machine), staging), undefined);
    // What somebody else mounted in the right place is taken over by a mount, too.
    rmSync(recordPath(directories, store.name));
    await mountDatastore(place, store, work);
    await unmountDatastore(place, store, work);
    // Another directory is not the datastore's.
    await mountDatastore(place, { ...store, path: 'other' }, work, { make: true });
    await settleMounts(place, [store]);
    assert.equal(mountStatus(place, store), 'notmounted');
    await assert.rejects(mountDatastore(place, store, work), /is taken/);
    spawnSync('umount', [target]);
  });
}
