// The manager's commands about the server itself and its machine.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FakeMachine } from '../../src/machine/testing/fake-machine.ts';
import { FakeMounts } from '../../src/machine/testing/fake-mounts.ts';
import { shellWords } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  const files = {
    '/etc/resolv.conf': '# kept\nnameserver 192.0.2.1\n',
    '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n',
  };
  const machine = new FakeMachine(files, {}, '/');
  machine.programs['diff'] = (args) => {
    const { status, stdout, stderr } = spawnSync('diff', args, { encoding: 'utf8' });
    return { code: status ?? 255, stdout, stderr };
  };
  server = await TestServer.start({ machine });
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the manager, which has to succeed. */
async function manager(line: string): Promise<string> {
  const { code, out, err } = await server.manager(...shellWords(line));
  assert.deepEqual([code, err], [0, ''], line);
  return out;
}
const json = async (line: string) => JSON.parse(await manager(`${line} --output-format json`)) as unknown;
async function refused(line: string): Promise<string> {
  const { code, err } = await server.manager(...shellWords(line));
  assert.equal(code, 255, line);
  return err;
}

test('options of the server are changed, shown and removed', async () => {
  await manager('node update --http-proxy http://proxy.example:3128 --description "Rack 7"');
  assert.match(await manager('node show'), /│ http-proxy {2}│ http:\/\/proxy.example:3128 │/);
  await manager('node update --delete description');
  assert.deepEqual(await json('node show'), { 'http-proxy': 'http://proxy.example:3128' });
  assert.match(await refused('node update --default-lang klingon'), /'default-lang': value does not match/);
  const { 'pbs-instance-id': id } = (await json('node server-identity')) as Record<string, string>;
  assert.match(await manager('node server-identity'), new RegExp(`│ pbs-instance-id │ ${id} │`));
});

test('name servers are shown and set', async () => {
  await manager('dns set --search example.com --dns2 2001:db8::53');
  assert.match(await manager('dns get'), /│ dns1 {3}│ 192\.0\.2\.1 +│[\s\S]*│ dns2 {3}│ 2001:db8::53 +│/);
  await manager('dns set --delete dns1');
  const file = readFileSync(join(server.machine.folder, 'etc/resolv.conf'), 'utf8');
  assert.equal(file, 'search example.com\n# kept\nnameserver 2001:db8::53\n');
  assert.match(await refused('dns set --dns1 nowhere'), /'dns1': value does not match the regex pattern/);
});

test('the subscription is honest', async () => {
  assert.match(await manager('subscription get'), /│ status +│ notfound +│/);
  assert.match(await refused('subscription set pbsc-0123456789'), /no key was set: There are no subscriptions/);
  assert.match(await refused('subscription set-offline-key QUJD'), /no key was set/);
  for (const verb of ['update', 'remove']) {
    const { code, err } = await server.manager('subscription', verb);
    assert.deepEqual([code, err], [0, 'There are no subscriptions for this server, and none is needed.\n']);
  }
});

test('interfaces are made, changed and removed; the changes wait until they are reloaded or forgotten', async () => {
  await manager('network create vmbr7 --type bridge --cidr 192.0.2.77/24 --gateway 192.0.2.1 --autostart');
  await manager('network update vmbr7 --cidr6 2001:db8::77/64 --comments "for guests" --delete gateway');
  const list = await manager('network list');
  assert.match(list, /│ name +│ type +│ autostart │ method +│ method6 │ address +│ gateway │ ports\/slaves │/);
  assert.match(list, /│ vmbr7 +│ bridge +│ +1 │ static +│ static +│ 192\.0\.2\.77\/24 +│/);
  const changes = await manager('network changes');
  assert.match(changes, /^--- \/etc\/network\/interfaces\n/);
  assert.match(changes, /^\+\taddress 192\.0\.2\.77\/24$/m);
  assert.match(await refused('network update vmbr7 --gateway 300.0.0.1'), /'gateway': value is no IPv4 address/);
  assert.match(await refused('network remove lo'), /interface 'lo' cannot be removed/);
  assert.match(await refused('network reload'), /'ifreload' is not installed \(package ifupdown2\)/);
  server.machine.programs['ifreload'] = () => 'info: reloading\n';
  assert.match(await manager('network reload'), /info: reloading\nTASK OK\n$/);
  const file = () => readFileSync(join(server.machine.folder, 'etc/network/interfaces'), 'utf8');
  assert.match(file(), /iface vmbr7 inet static\n\taddress 192\.0\.2\.77\/24\n/);
  assert.equal(await manager('network changes'), '');
  await manager('network remove vmbr7');
  assert.match(await manager('network changes'), /^-iface vmbr7 inet static$/m);
  await manager('network revert');
  assert.equal(await manager('network changes'), '');
  assert.match(file(), /vmbr7/);
});

test('disks are initialized, wiped and made into places for datastores, unless somebody uses them', async () => {
  const { programs, calls } = server.machine;
  const before = { ...programs };
  const blockdevices = (o: object = {}) =>
    JSON.stringify({
      blockdevices: [{ name: 'sdb', path: '/dev/sdb', type: 'disk', size: 4096, rota: false, ...o }],
    });
  for (const name of ['sfdisk', 'wipefs', 'mkfs.ext4', 'systemctl', 'zpool', 'zfs']) programs[name] = () => '';
  programs['blkid'] = () => 'a-b\n';
  programs['lsblk'] = () => blockdevices();
  server.machine.write('/dev/sdb', 'x'.repeat(4096));
  assert.match(await manager('disk initialize sdb'), /writing a partition table to \/dev\/sdb[\s\S]*TASK OK/);
  assert.match(await manager('disk wipe sdb'), /removing signatures of \/dev\/sdb[\s\S]*TASK OK/);
  assert.match(await refused('disk fs create store9 --disk sdb'), /mounted by units of systemd/);
  server.machine.write('/run/systemd/system/.keep', '');
  server.machine.write('/etc/systemd/system/.keep', '');
  assert.match(await manager('disk fs create store9 --disk sdb'), /mounting it at \/mnt\/datastore\/store9/);
  assert.match(await manager('disk fs list'), /\/mnt\/datastore\/store9/);
  assert.match(await refused('disk fs create store9 --disk sdb'), /exists already/);
  await manager('disk fs delete store9');
  assert.equal(await manager('disk fs list'), '');
  // A removable datastore needs no unit; what is on the device by now is left alone.
  rmSync(server.machine.path('/run/systemd'), { recursive: true });
  const device = new FakeMounts(server.machine).plug('c-d');
  mkdirSync(join(device, 'usb9'));
  writeFileSync(join(device, 'usb9/letters.txt'), 'dear reader');
  assert.match(
    await refused('disk fs create usb9 --disk sdb --removable-datastore true --filesystem ext4'),
    /datastore path not empty: '.*\/usb9' has an entry 'letters\.txt'/,
  );
  assert.deepEqual(calls.filter((one) => one.startsWith('mount ')).length, 2);
  assert.match(
    await refused('disk zpool create tank --devices sdb --raidlevel mirror'),
    /takes at least 2 disks, got 1/,
  );
  assert.match(await manager('disk zpool create tank --devices sdb --raidlevel single'), /zpool create -o ashift=12/);
  programs['lsblk'] = () => blockdevices({ mountpoints: ['/srv'] });
  const count = calls.length;
  assert.match(await refused('disk wipe sdb'), /'\/dev\/sdb' is in use \(mounted\), nothing was changed/);
  assert.match(await refused('disk initialize sdb'), /is already in use \(mounted\)/);
  assert.deepEqual(
    calls.slice(count).filter((call) => !call.startsWith('lsblk')),
    [],
  );
  for (const name of Object.keys(programs)) delete programs[name];
  Object.assign(programs, before);
});

test('disks, file systems and pools are listed', async () => {
  const { programs } = server.machine;
  assert.match(await refused('disk list'), /the program 'lsblk' is not installed on this machine/);
  programs['lsblk'] = () =>
    JSON.stringify({
      blockdevices: [{ name: 'sda', path: '/dev/sda', type: 'disk', size: 1 << 30, rota: false, pttype: 'gpt' }],
    });
  programs['smartctl'] = () =>
    '{"smart_status":{"passed":true},"nvme_smart_health_information_log":{"percentage_used":4}}';
  assert.match(
    await manager('disk list'),
    /│ name │ used +│ gpt │ disk-type │ +size │ model │ wearout │ status │[\s\S]*│ sda +│ unused │ +1 │ ssd +│ 1 GiB │ +│ +96% │ passed │/,
  );
  assert.deepEqual(await json('disk list --usage-type zfs'), []);
  assert.match(await refused('disk smart-attributes sdzz'), /disk 'sdzz' does not exist/);
  assert.equal(await manager('disk fs list'), '');
  assert.equal(await manager('disk zpool list'), '');
  programs['zpool'] = () => 'tank\tONLINE\t2097152\t1048576\t1048576\t0\t1.00\n';
  assert.match(await manager('disk zpool list'), /│ tank │ 2 MiB │ 1 MiB │ ONLINE │/);
});

test('the report tells of everything but secrets; versions name runtime and libraries', async () => {
  await manager('node update --http-proxy http://someone:hunter2@proxy.example:3128');
  const report = await manager('report');
  for (const title of ['versions', 'machine', 'datastores', 'disks', 'network', 'node.cfg', '/etc/resolv.conf']) {
    assert.ok(report.includes(`==== ${title} ====`), title);
  }
  assert.match(report, /http-proxy: http:\/\/\(hidden\)@proxy\.example:3128/);
  assert.doesNotMatch(report, /hunter2/);
  const verbose = await manager('versions --verbose');
  for (const name of ['proxmox-backup-server', 'node', 'openssl', 'sqlite', 'zstd', 'kernel']) {
    assert.match(verbose, new RegExp(`^${name} +\\S`, 'm'), name);
  }
});
