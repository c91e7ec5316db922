import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceNumbers, mountSource, parseDiskStat, readDiskCounters, sumInterfaces } from './counters.ts';
import { cpuShares, parseCpuinfo, parseCpuTimes, parseMeminfo } from './facts.ts';
import { Machine } from './machine.ts';
import { controlPower } from './power.ts';
import { FakeMachine } from './testing/fake-machine.ts';

test('memory, processor time and processors are read from what the kernel writes', () => {
  const { memory, swap } = parseMeminfo('MemTotal:  100 kB\nMemAvailable:  40 kB\nSwapTotal: 10 kB\nSwapFree: 10 kB\n');
  assert.deepEqual(memory, { total: 102400, used: 61440, free: 40960 });
  assert.deepEqual(swap, { total: 10240, used: 0, free: 10240 });
  const before = parseCpuTimes('cpu  100 0 0 100 0 0 0 0 0 0\ncpu0 1 2 3\n');
  const now = parseCpuTimes('cpu  150 0 0 125 25 0 0 0 0 0\n');
  assert.deepEqual(cpuShares(before, now), { cpu: 0.5, wait: 0.25 });
  assert.deepEqual(cpuShares(now, now), { cpu: 0, wait: 0 });
  const cpus = 'model name\t: Some CPU\nphysical id\t: 0\n\nmodel name\t: Some CPU\nphysical id\t: 1\n';
  assert.deepEqual({ ...parseCpuinfo(cpus), cpus: 0 }, { model: 'Some CPU', sockets: 2, cpus: 0 });
});

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 1 0 0 0 0 0 0 1000 1 0 0 0 0 0 0
  eth0:500 3 0 0 0 0 0 0 70 3 0 0 0 0 0 0
 vmbr0: 400 2 0 0 0 0 0 0 60 2 0 0 0 0 0 0
`;

test('network bytes are those of physical interfaces, or of all but the loopback where there are none', () => {
  assert.deepEqual(
    sumInterfaces(netDev, (name) => name === 'eth0'),
    { received: 500, sent: 70 },
  );
  assert.deepEqual(
    sumInterfaces(netDev, () => false),
    { received: 900, sent: 130 },
  );
  assert.deepEqual(
    sumInterfaces('', () => true),
    { received: 0, sent: 0 },
  );
});

test('disk counters: sectors are bytes, a damaged file gives nothing', () => {
  assert.deepEqual(parseDiskStat('   10 1 20 3 40 5 60 7 0 80 9 0 0 0 0\n'), {
    reads: 10,
    readBytes: 10240,
    writes: 40,
    writtenBytes: 30720,
    busyMs: 80,
  });
  for (const text of ['', '1 2 3', '1 2 x 4 5 6 7 8 9 10']) assert.equal(parseDiskStat(text), undefined);
});

test('the device below a file: numbers are unpacked as Linux packs them, and mounts name sources', async () => {
  assert.deepEqual(deviceNumbers(0x0801), [8, 1]);
  assert.deepEqual(deviceNumbers(0x10_0345), [3, 0x145]);
  const mounts =
    '22 27 0:21 / /proc rw - proc proc rw\n30 27 0:40 /sub /data rw,noatime shared:1 - btrfs /dev/sdb1 rw\nbroken\n';
  assert.equal(mountSource(mounts, '0:40'), '/dev/sdb1');
  assert.equal(mountSource(mounts, '0:21'), undefined);
  const counters = await readDiskCounters(new Machine(), '/');
  assert.ok(counters === undefined || counters.reads >= 0);
});

test('power is switched by systemd, and refused where there is none', async () => {
  using bare = new FakeMachine({}, { systemctl: () => '' });
  await assert.rejects(controlPower(bare, 'reboot'), {
    message: 'cannot reboot this machine: it is not run by systemd',
  });
  assert.deepEqual(bare.calls, []);
  using machine = new FakeMachine({ '/run/systemd/system/x': '' }, { systemctl: () => '' });
  await controlPower(machine, 'reboot');
  await controlPower(machine, 'shutdown');
  assert.deepEqual(machine.calls, ['systemctl reboot --no-wall', 'systemctl poweroff --no-wall']);
});
