// Disks, their health and ZFS pools, from recorded and damaged output; secrets in reports.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listDirectories, listDisks, parseBlockDevices, readDiskSmart } from './disks.ts';
import { hideSecrets } from './report.ts';
import { parseSmart } from './smart.ts';
import { FakeMachine } from './testing/fake-machine.ts';
import { listZfsPools, parseZpoolStatus, readZfsPool } from './zfs.ts';

const part = (name: string, o: object = {}) => ({
  name,
  path: `/dev/${name}`,
  type: 'part',
  size: 1000,
  fstype: null,
  mountpoints: [null],
  ...o,
});
const disk = (name: string, o: object = {}) => ({
  ...part(name),
  type: 'disk',
  rota: false,
  tran: 'sata',
  pttype: null,
  ...o,
});
const blockDevices = JSON.stringify({
  blockdevices: [
    disk('zram0'),
    disk('sda', {
      pttype: 'gpt',
      model: 'Samsung SSD ',
      vendor: 'ATA     ',
      serial: 'S1',
      wwn: '0x5002538d',
      children: [
        part('sda1', { fstype: 'vfat', mountpoints: ['/boot/efi'] }),
        part('sda2', { fstype: 'ext4' }),
        part('sda3', { fstype: 'LVM2_member', children: [disk('pve-root', { type: 'lvm' })] }),
      ],
    }),
    disk('sdb', { rota: true, fstype: 'zfs_member', vendor: 'HGST' }),
    disk('sdc', { rota: true }),
    disk('sdd', { tran: 'usb', fstype: 'xfs' }),
    disk('nvme0n1', { tran: 'nvme', mountpoints: ['/srv'], fstype: 'ext4', size: '2000' }),
    disk('vdb', { tran: null, rota: null, children: [disk('crypt', { type: 'crypt' })] }),
    null,
  ],
});

test('disks are told apart from other devices, with what they are used for', () => {
  const disks = parseBlockDevices(blockDevices, true);
  assert.deepEqual(
    disks.map((one) => [one.name, one.used, one['disk-type'], one.size]),
    [
      ['sda', 'partitions', 'ssd', 1000],
      ['sdb', 'zfs', 'hdd', 1000],
      ['sdc', 'unused', 'hdd', 1000],
      ['sdd', 'filesystem', 'usb', 1000],
      ['nvme0n1', 'mounted', 'ssd', 2000],
      ['vdb', 'devicemapper', 'unknown', 1000],
    ],
  );
  const [first, second] = disks;
  assert.deepEqual([first!.gpt, first!.model, first!.vendor, first!.serial], [true, 'Samsung SSD', undefined, 'S1']);
  assert.equal(second!.vendor, 'HGST');
  assert.deepEqual(
    first!.partitions!.map((one) => [one.name, one.used, one.filesystem]),
    [
      ['sda1', 'mounted', 'vfat'],
      ['sda2', 'filesystem', 'ext4'],
      ['sda3', 'lvm', 'LVM2_member'],
    ],
  );
  assert.throws(() => parseBlockDevices(blockDevices.slice(0, 100), false), /lsblk gave no answer that can be read/);
  for (const text of ['{}', 'null', '[]', '{"blockdevices":{}}']) assert.deepEqual(parseBlockDevices(text, true), []);
});

const ata = JSON.stringify({
  smartctl: { exit_status: 0 },
  smart_status: { passed: true },
  rotation_rate: 0,
  ata_smart_attributes: {
    table: [
      {
        id: 9,
        name: 'Power_On_Hours',
        value: 99,
        worst: 98,
        thresh: 0,
        flags: { string: '-O--CK ' },
        raw: { string: '123' },
      },
      {
        id: 177,
        name: 'Wear_Leveling_Count',
        value: 93,
        worst: 93,
        thresh: 5,
        flags: { string: 'PO--C- ' },
        raw: { string: '70' },
      },
      { id: 'x' },
      null,
    ],
  },
});

test('health is read from ATA and NVMe disks', () => {
  const { attributes, ...rest } = parseSmart(ata);
  assert.deepEqual(rest, { status: 'passed', wearout: 93, rpm: 0 });
  assert.deepEqual(attributes[0], {
    id: 9,
    name: 'Power_On_Hours',
    value: '123',
    flags: '-O--CK',
    normalized: 99,
    worst: 98,
    threshold: 0,
  });
  assert.equal(attributes.length, 2);
  const nvme = parseSmart(
    '{"smart_status":{"passed":false},"nvme_smart_health_information_log":{"percentage_used":3,"media_errors":0,"x":{}}}',
  );
  assert.deepEqual([nvme.status, nvme.wearout], ['failed', 97]);
  assert.deepEqual(nvme.attributes, [
    { name: 'Percentage used', value: '3' },
    { name: 'Media errors', value: '0' },
  ]);
  assert.equal(parseSmart('{}').status, 'unknown');
  const refused =
    '{"smartctl":{"exit_status":2,"messages":[{"string":"Smartctl open device: /dev/sda failed: Permission denied"}]}}';
  assert.throws(() => parseSmart(refused), {
    message: 'smartctl failed: Smartctl open device: /dev/sda failed: Permission denied',
  });
  assert.throws(() => parseSmart('no json'), /smartctl gave no answer/);
});

test('a list asks each disk for its health, and does without where that fails', async () => {
  using machine = new FakeMachine({}, { lsblk: () => blockDevices });
  const plain = await listDisks(machine, { smart: true, partitions: false });
  assert.ok(plain.every((one) => one.status === 'unknown' && !('partitions' in one)));
  machine.programs['smartctl'] = (args) => (args.at(-1) === '/dev/sda' ? ata : '{"smartctl":{"exit_status":2}}');
  const [first, second] = await listDisks(machine, { smart: true, partitions: false });
  assert.deepEqual([first!.status, first!.wearout, second!.status], ['passed', 93, 'unknown']);
  const unused = await listDisks(machine, { smart: false, partitions: false, usage: 'unused' });
  assert.deepEqual(
    unused.map((one) => one.name),
    ['sdc'],
  );
  await assert.rejects(readDiskSmart(machine, 'sda', { healthOnly: true }), { message: "disk 'sda' does not exist" });
  machine.write('/sys/block/sda/size', '1');
  assert.equal((await readDiskSmart(machine, 'sda', { healthOnly: true })).status, 'passed');
  assert.equal(machine.calls.at(-1), 'smartctl --json --health /dev/sda');
});

test('directories for datastores are read from their mount units', async () => {
  const unit =
    '[Unit]\nWhat=no\n[Mount]\nWhere=/mnt/datastore/ds1\nWhat = /dev/disk/by-uuid/1\nType=ext4\nOptions=defaults\n[Install]\nType=no\n';
  using machine = new FakeMachine({
    '/etc/systemd/system/mnt-datastore-ds1.mount': unit,
    '/etc/systemd/system/mnt-datastore-broken.mount': '[Mount]\n',
    '/etc/systemd/system/other.mount': unit,
  });
  assert.deepEqual(await listDirectories(machine), [
    {
      unitfile: '/etc/systemd/system/mnt-datastore-ds1.mount',
      name: 'ds1',
      path: '/mnt/datastore/ds1',
      device: '/dev/disk/by-uuid/1',
      removable: false,
      filesystem: 'ext4',
      options: 'defaults',
    },
  ]);
  using bare = new FakeMachine();
  assert.deepEqual(await listDirectories(bare), []);
});

const status = `  pool: tank
 state: DEGRADED
status: One or more devices could not be used.
\tSufficient replicas exist.
action: Replace the device.
  scan: scrub repaired 0B in 00:00:01 with 0 errors on Sun Nov  8 00:24:02 2026
config:

\tNAME           STATE     READ WRITE CKSUM
\ttank           DEGRADED     0     0     0
\t  mirror-0     DEGRADED     0     0     0
\t    /dev/sda1  ONLINE       0     0     0
\t    /dev/sdb1  UNAVAIL      3     1     0  was /dev/sdb1
\tspares
\t  /dev/sdc1    AVAIL

errors: No known data errors
`;

test('pools and the tree of their devices are read', async () => {
  using machine = new FakeMachine(
    {},
    {
      zpool: (args) =>
        args[0] === 'status'
          ? status
          : 'tank\tDEGRADED\t1000\t400\t600\t12\t1.00\ngone\tUNAVAIL\t-\t-\t-\t-\t-\nbroken\n',
    },
  );
  assert.deepEqual(await listZfsPools(machine), [
    { name: 'tank', health: 'DEGRADED', size: 1000, alloc: 400, free: 600, frag: 12, dedup: 1 },
    { name: 'gone', health: 'UNAVAIL', size: 0, alloc: 0, free: 0, frag: 0, dedup: 0 },
  ]);
  const pool = await readZfsPool(machine, 'tank');
  assert.deepEqual([pool.name, pool.state, pool.errors], ['tank', 'DEGRADED', 'No known data errors']);
  assert.equal(pool.status, 'One or more devices could not be used.\nSufficient replicas exist.');
  const [tank, spares] = pool.children;
  assert.equal(tank!.children![0]!.children![1]!.msg, 'was /dev/sdb1');
  assert.deepEqual(tank!.children![0]!.children![0], {
    name: '/dev/sda1',
    state: 'ONLINE',
    read: 0,
    write: 0,
    cksum: 0,
    leaf: true,
  });
  assert.deepEqual(spares, {
    name: 'spares',
    leaf: false,
    children: [{ name: '/dev/sdc1', state: 'AVAIL', leaf: true }],
  });
  for (let length = 0; length < status.length; length += 5) parseZpoolStatus(status.slice(0, length));
  assert.equal(parseZpoolStatus('cannot open'), undefined);
  using bare = new FakeMachine();
  assert.deepEqual(await listZfsPools(bare), []);
  await assert.rejects(readZfsPool(bare, 'tank'), /the program 'zpool' is not installed/);
});

test('a report shows settings, not secrets', () => {
  const text = `remote: r1
\tauth-id sync@pbs
\tpassword c2VjcmV0
\thost backup.example

token: admin@pbs!laptop
\tclient-key abc
http-proxy: http://proxyuser:hunter2@proxy.example:3128
acl:1:/datastore:admin@pbs,admin@pbs!fx:Admin
\turl https://hook.example/?token=abc&x=1
//server/share /mnt cifs rw,username=u,password=secret,vers=3 0 0
`;
  const hidden = hideSecrets(text);
  for (const secret of ['c2VjcmV0', 'hunter2', 'proxyuser', 'abc', 'secret'])
    assert.ok(!hidden.includes(secret), secret);
  for (const kept of [
    'auth-id sync@pbs',
    'token: admin@pbs!laptop',
    'acl:1:/datastore:admin@pbs,admin@pbs!fx:Admin',
    'proxy.example:3128',
    'vers=3',
  ]) {
    assert.ok(hidden.includes(kept), kept);
  }
});
