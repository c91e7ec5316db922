// The file of the network: what is not changed stays byte for byte, what is changed is read back as it was given.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import fc from 'fast-check';
import { scratchFolder } from '../../test/support/scratch.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { parseInterfaces, serializeInterfaces } from './network/interfaces-file.ts';
import { interfaceNames, readInterface, removeInterface, writeInterface } from './network/stanza.ts';
import {
  applyNetwork,
  checkCanApply,
  createInterface,
  deleteInterface,
  readNetwork,
  readNetworkInterface,
  revertNetwork,
  updateInterface,
} from './network.ts';
import { bondModes, type InterfaceSettings, type RemovableSetting } from './network-fields.ts';
import { FakeMachine } from './testing/fake-machine.ts';

const file = '/etc/network/interfaces';
const written = `# network of the rack
source /etc/network/interfaces.d/*

auto lo eno1
iface lo inet loopback

# the uplink
allow-hotplug eno2
iface eno1 inet manual
\tethtool-speed 1000

iface eno2 inet manual

auto vmbr0
iface vmbr0 inet static
    address 192.0.2.2
    netmask 255.255.255.0
    gateway 192.0.2.1
    bridge_ports eno1
    bridge_stp off
    up ip route add 198.51.100.0/24 \\
       via 192.0.2.9
#for guests
# and more

iface vmbr0 inet6 auto

mapping hotplug
    script grep
    map eno3
`;

let home: string;
let directories: Directories;
const machines: FakeMachine[] = [];
before(async () => {
  home = scratchFolder('granary-network-');
  directories = resolveDirectories(home, 'home');
  await createDirectories(directories);
});
after(() => rmSync(home, { recursive: true }));
afterEach(() => {
  for (const machine of machines.splice(0)) machine[Symbol.dispose]();
});

const realDiff = (args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync('diff', args, { encoding: 'utf8' });
  return { code: status ?? 255, stdout, stderr };
};

function newMachine(text = written, extra: Record<string, string> = {}): FakeMachine {
  const devices = Object.fromEntries(
    ['lo', 'eno1', 'eno2', 'eno3'].flatMap((name) => [
      [`/sys/class/net/${name}/flags`, name === 'eno3' ? '0x1002\n' : '0x1003\n'],
      ...(name === 'lo' ? [] : [[`/sys/class/net/${name}/device/vendor`, '']]),
    ]),
  ) as Record<string, string>;
  const files = { ...devices, [file]: text, ...extra };
  const machine = new FakeMachine(files, { diff: realDiff });
  machines.push(machine);
  return machine;
}
const pendingOf = (machine: FakeMachine) => readFileSync(join(machine.folder, `${file}.new`), 'utf8');
const create = (machine: FakeMachine, name: string, settings: InterfaceSettings, o: object = {}) =>
  createInterface(machine, directories, name, { settings, ...o });
const update = (
  machine: FakeMachine,
  name: string,
  settings: InterfaceSettings,
  remove: RemovableSetting[] = [],
  digest?: string,
) => updateInterface(machine, directories, name, { settings, remove, digest });

test('interfaces are listed with their settings, as they are now, and with devices that nobody configured', async () => {
  const extra = { '/etc/network/interfaces.d/extra': 'iface dummy0 inet static\n address 203.0.113.5/32\n' };
  const { interfaces, changes, digest } = await readNetwork(newMachine(written, extra));
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(changes, undefined);
  const byName = Object.fromEntries(interfaces.map((one) => [one.name, one]));
  assert.deepEqual(Object.keys(byName), ['lo', 'eno1', 'eno2', 'vmbr0', 'dummy0', 'eno3']);
  assert.deepEqual(byName['vmbr0'], {
    iface: 'vmbr0',
    name: 'vmbr0',
    type: 'bridge',
    autostart: true,
    active: false,
    method: 'static',
    method6: 'auto',
    cidr: '192.0.2.2/24',
    gateway: '192.0.2.1',
    bridge_ports: ['eno1'],
    comments: 'for guests\n and more',
    options: ['bridge_stp off', 'up ip route add 198.51.100.0/24         via 192.0.2.9'],
  });
  assert.deepEqual([byName['lo']!.type, byName['lo']!.active, byName['lo']!.method], ['loopback', true, 'loopback']);
  assert.deepEqual(byName['eno1']!.options, ['ethtool-speed 1000']);
  assert.deepEqual([byName['eno3']!.active, byName['eno3']!.exists, byName['eno3']!.method], [false, true, 'manual']);
  assert.equal(byName['dummy0']!.cidr, '203.0.113.5/32');
  await assert.rejects(readNetworkInterface(newMachine(), 'eth9'), { message: "interface 'eth9' does not exist" });
});

test('changes wait in a file of their own, shown as a diff, and are forgotten on request', async () => {
  const machine = newMachine();
  await update(machine, 'vmbr0', { cidr: '192.0.2.3/25', comments: 'changed' });
  const expected = written
    .replace('    address 192.0.2.2\n    netmask 255.255.255.0\n', '    address 192.0.2.3/25\n')
    .replace('#for guests\n# and more\n', '#changed\n');
  assert.equal(pendingOf(machine), expected);
  assert.equal(readFileSync(join(machine.folder, file), 'utf8'), written);
  const { changes, interfaces } = await readNetwork(machine);
  assert.match(changes!, /^--- \/etc\/network\/interfaces\n\+\+\+ \/etc\/network\/interfaces.new\n@@/);
  assert.match(changes!, /\n-\s+address 192\.0\.2\.2\n/);
  assert.equal(interfaces.find((one) => one.name === 'vmbr0')!.cidr, '192.0.2.3/25');
  await revertNetwork(machine, directories);
  assert.equal((await readNetwork(machine)).changes, undefined);
  assert.ok(!existsSync(join(machine.folder, `${file}.new`)));
});

test('new interfaces of every type are written as ifupdown2 reads them', async () => {
  const machine = newMachine('auto lo\niface lo inet loopback');
  await create(machine, 'eno1', { autostart: true, cidr: '192.0.2.5/24', gateway: '192.0.2.1' });
  await create(machine, 'bond0', {
    slaves: ['eno2', 'eno3'],
    bond_mode: 'active-backup',
    'bond-primary': 'eno2',
    mtu: 9000,
  });
  await create(machine, 'vmbr1', { bridge_vlan_aware: true, method6: 'dhcp' }, { type: 'bridge' });
  await create(machine, 'bond0.7', { comments: 'seven' });
  await create(machine, 'vlan8', { 'vlan-raw-device': 'bond0', cidr6: '2001:db8::8/64', gateway6: '2001:db8::1' });
  assert.equal(
    pendingOf(machine),
    `auto lo
iface lo inet loopback

auto eno1
iface eno1 inet static
\taddress 192.0.2.5/24
\tgateway 192.0.2.1

iface bond0 inet manual
\tmtu 9000
\tbond-mode active-backup
\tbond-primary eno2
\tbond-slaves eno2 eno3

iface vmbr1 inet6 dhcp
\tbridge-ports none
\tbridge-vlan-aware yes
\tbridge-stp off
\tbridge-fd 0

iface bond0.7 inet manual
#seven

iface vlan8 inet6 static
\taddress 2001:db8::8/64
\tgateway 2001:db8::1
\tvlan-raw-device bond0
`,
  );
  const types = (await readNetwork(machine)).interfaces.map((one) => [one.name, one.type]);
  assert.deepEqual(types, [
    ['lo', 'loopback'],
    ['eno1', 'eth'],
    ['bond0', 'bond'],
    ['vmbr1', 'bridge'],
    ['bond0.7', 'vlan'],
    ['vlan8', 'vlan'],
    ['eno2', 'eth'],
    ['eno3', 'eth'],
  ]);
  await update(machine, 'vmbr1', { cidr: '198.51.100.1/24' });
  assert.match(pendingOf(machine), /iface vmbr1 inet static\n\taddress 198\.51\.100\.1\/24\n/);
  assert.equal((await readNetworkInterface(machine, 'vmbr1')).interface.bridge_vlan_aware, true);
});

test('what makes no network is refused by the name of the setting', async () => {
  const machine = newMachine();
  const refused = async (name: string, settings: InterfaceSettings, text: RegExp, o: object = {}) => {
    await assert.rejects(create(machine, name, settings, o), text, JSON.stringify([name, settings]));
  };
  await refused(
    'vmbr1',
    { cidr: '192.0.2.7/24', gateway: '192.0.2.1' },
    /'gateway': Default gateway already exists on interface 'vmbr0'\./,
  );
  await refused('vmbr1', { cidr: '192.0.2.2/24' }, /'cidr': address 192\.0\.2\.2 already exists on interface 'vmbr0'/);
  await refused(
    'vmbr1',
    { bridge_ports: ['eno1'] },
    /'bridge_ports': interface 'eno1' is already used by interface 'vmbr0'/,
  );
  await refused('vmbr1', { bridge_ports: ['eth7'] }, /'bridge_ports': interface 'eth7' does not exist/);
  await refused('vmbr1', { bridge_ports: ['eth7.5'] }, /'eth7\.5' does not exist/);
  await refused('bond1', { slaves: ['bond1'] }, /'slaves': an interface cannot be a port of itself/);
  await refused('eno3', { method: 'static' }, /'cidr': method 'static' needs an address/);
  await refused('eno3', { method: 'dhcp', cidr: '192.0.2.9/24' }, /'cidr': method 'dhcp' takes no address/);
  await refused('eno3', { cidr: '2001:db8::1/64' }, /'cidr': value is no IPv4 address/);
  await refused('eno3', { cidr6: '2001:db8::1/129' }, /'cidr6': value is no IPv6 address/);
  await refused('eno3', { method: 'auto' }, /'method': method 'auto' is for IPv6 only/);
  await refused('eno3', { cidr: '192.0.2.9/24', gateway: '300.1.1.1' }, /'gateway': value is no IPv4 address/);
  await refused('eno3', { slaves: ['eno2'] }, /'slaves': is for interfaces of type bond only/, { type: 'eth' });
  await refused('vlan9', {}, /'vlan-raw-device': property is missing/);
  await refused('eno3.9', { 'vlan-id': 8 }, /'vlan-id': does not fit the name 'eno3\.9'/);
  await refused(
    'bond1',
    { slaves: ['eno2'], 'bond-primary': 'eno2' },
    /'bond-primary': is for mode 'active-backup' only/,
  );
  await refused(
    'bond1',
    { bond_mode: 'active-backup', slaves: ['eno2'], 'bond-primary': 'eno3' },
    /'eno3' is none of the slaves/,
  );
  await refused(
    'bond1',
    { slaves: ['eno2'], bond_xmit_hash_policy: 'layer2' },
    /'bond_xmit_hash_policy': is for modes/,
  );
  await refused('bond1', {}, /'iface': 'bond1' is no name for an interface of type eth/, { type: 'eth' });
  await refused('eno3', { comments: 'a\\' }, /'comments': a line cannot end with a backslash/);
  await refused('vmbr0', {}, /interface 'vmbr0' already exists/);
  assert.ok(!existsSync(join(machine.folder, `${file}.new`)));
});

test('removing takes the stanzas and mentions, unless something else needs the interface', async () => {
  const machine = newMachine();
  await assert.rejects(deleteInterface(machine, directories, 'lo'), /interface 'lo' cannot be removed/);
  await assert.rejects(deleteInterface(machine, directories, 'eno1'), /'eno1' is used by interface 'vmbr0'/);
  await assert.rejects(deleteInterface(machine, directories, 'eth9'), /'eth9' does not exist/);
  await deleteInterface(machine, directories, 'vmbr0');
  await deleteInterface(machine, directories, 'eno1');
  await deleteInterface(machine, directories, 'eno2');
  assert.equal(
    pendingOf(machine),
    '# network of the rack\nsource /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# the uplink\nmapping hotplug\n    script grep\n    map eno3\n',
  );
});

test('a digest guards changes; methods follow addresses; what others manage is left alone', async () => {
  const machine = newMachine(`${written}\niface ppp0 inet ppp\n\tprovider isp\n`, {
    '/etc/network/interfaces.d/extra': 'iface dummy0 inet manual\n',
  });
  const { digest } = await readNetwork(machine);
  await update(machine, 'vmbr0', {}, ['cidr', 'gateway', 'method6'], digest);
  const { interface: bridge } = await readNetworkInterface(machine, 'vmbr0');
  assert.deepEqual(
    [bridge.method, bridge.method6, bridge.cidr, bridge.gateway],
    ['manual', undefined, undefined, undefined],
  );
  await assert.rejects(update(machine, 'vmbr0', { mtu: 9000 }, [], digest), /detected modified configuration/);
  await update(machine, 'vmbr0', { method: 'dhcp', autostart: false });
  assert.match(pendingOf(machine), /\n\niface vmbr0 inet dhcp\n/);
  await assert.rejects(
    update(machine, 'ppp0', { mtu: 1400 }),
    /'ppp0' has the method 'ppp', which is not managed here/,
  );
  await assert.rejects(update(machine, 'dummy0', { mtu: 1400 }), /'dummy0' is configured in a file that .* includes/);
  await assert.rejects(update(machine, 'eth9', { mtu: 1400 }), /'eth9' does not exist/);
  await assert.rejects(
    updateInterface(machine, directories, 'vmbr0', { type: 'bond', settings: {} }),
    /is of type bridge/,
  );
  await update(machine, 'eno3', { method: 'dhcp' });
  assert.match(pendingOf(machine), /\n\niface eno3 inet dhcp\n$/);
});

test('a file that is a link stays one: what it names is replaced', async () => {
  const machine = newMachine('', { '/srv/interfaces': 'auto lo\niface lo inet loopback\n' });
  rmSync(join(machine.folder, file));
  symlinkSync('../../srv/interfaces', join(machine.folder, file));
  machine.programs['ifreload'] = () => '';
  await update(machine, 'eno1', { method: 'dhcp' });
  await applyNetwork(machine, directories, () => {});
  assert.ok(lstatSync(join(machine.folder, file)).isSymbolicLink());
  assert.match(readFileSync(join(machine.folder, 'srv/interfaces'), 'utf8'), /iface eno1 inet dhcp/);
});

test('a machine whose network is set up by another tool is left alone, but shown', async () => {
  const machine = newMachine('');
  rmSync(join(machine.folder, 'etc'), { recursive: true, force: true });
  assert.deepEqual(
    (await readNetwork(machine)).interfaces.map((one) => one.name),
    ['eno1', 'eno2', 'eno3'],
  );
  for (const act of [create(machine, 'vmbr1', {}), update(machine, 'eno1', {}), checkCanApply(machine)]) {
    await assert.rejects(act, /the network of this machine is not set up by "\/etc\/network\/interfaces"/);
  }
});

test('a reload puts what waits into force; what is refused waits again, and the old configuration is back', async () => {
  const machine = newMachine();
  await assert.rejects(checkCanApply(machine), /'ifreload' is not installed \(package ifupdown2\)/);
  await update(machine, 'vmbr0', { mtu: 9000 });
  const pending = pendingOf(machine);
  const lines: string[] = [];
  let broken = true;
  machine.programs['ifreload'] = () => {
    const refusing = broken && readFileSync(join(machine.folder, file), 'utf8') === pending;
    return refusing ? { code: 1, stdout: '', stderr: 'error: vmbr0: bad mtu\n' } : 'reloaded\n';
  };
  await checkCanApply(machine);
  const apply = () => applyNetwork(machine, directories, (line) => lines.push(line));
  await assert.rejects(apply(), { message: 'ifreload failed: error: vmbr0: bad mtu' });
  assert.deepEqual(lines, [
    'error: vmbr0: bad mtu',
    'the new configuration was refused: going back to the one before',
    'reloaded',
  ]);
  assert.equal(readFileSync(join(machine.folder, file), 'utf8'), written);
  assert.equal(pendingOf(machine), pending);
  broken = false;
  await apply();
  assert.equal(readFileSync(join(machine.folder, file), 'utf8'), pending);
  assert.equal((await readNetwork(machine)).changes, undefined);
  await apply();
});

const anyLine = fc.oneof(
  fc.constantFrom(
    ...written.split('\n'),
    'auto eno1 vmbr0',
    'iface vmbr0 inet static',
    'iface eno1 inet6 manual',
    '\taddress 192.0.2.7/24',
    '  bond-mode 1',
    '\tslaves eno1 eno2',
    'iface',
    'source',
    '#x\\',
    'up echo \\',
    '\r',
    'no-auto-down eno1',
  ),
  fc.string(),
);
const anyText = fc.tuple(fc.array(anyLine), fc.boolean()).map(([lines, end]) => lines.join('\n') + (end ? '\n' : ''));

test('any text is written back byte for byte', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(serializeInterfaces(parseInterfaces(text)), text);
    }),
    { numRuns: 500 },
  );
});

const address = fc
  .tuple(fc.integer({ min: 1, max: 254 }), fc.integer({ min: 0, max: 32 }))
  .map(([a, b]) => `192.0.2.${a}/${b}`);
const names = fc.uniqueArray(fc.constantFrom('eno1', 'eno2', 'eno3'), { maxLength: 3 });
const comment = fc
  .array(
    fc.stringMatching(/^[ -[\]-~]{0,20}$/).map((text) => text.trimEnd()),
    { minLength: 1, maxLength: 3 },
  )
  .map((lines) => lines.join('\n'));
const anySettings = fc.record(
  {
    autostart: fc.boolean(),
    method: fc.constantFrom('manual' as const, 'dhcp' as const, 'static' as const),
    method6: fc.constantFrom('manual' as const, 'auto' as const, 'static' as const),
    cidr: address,
    gateway: fc.constant('192.0.2.1'),
    cidr6: fc.constantFrom('2001:db8::1/64', 'fe80::7/10'),
    mtu: fc.integer({ min: 46, max: 65535 }),
    comments: comment,
    comments6: comment,
    bridge_ports: names,
    bridge_vlan_aware: fc.boolean(),
    slaves: names,
    bond_mode: fc.constantFrom(...bondModes),
    'bond-primary': fc.constantFrom('eno1', 'eno2'),
  },
  { requiredKeys: ['autostart'] },
);

test('settings put into any text are read back, and nothing else changes', () => {
  fc.assert(
    fc.property(anyText, anySettings, anySettings, (text, first, second) => {
      const blocks = parseInterfaces(text);
      const others = interfaceNames(blocks).filter((name) => name !== 'br9');
      const around = () =>
        others.map((name) => [name, readInterface(parseInterfaces(serializeInterfaces(blocks)), name)]);
      const before = around();
      for (const given of [first, second]) {
        // What belongs to a family needs a stanza of it.
        const settings: InterfaceSettings = { method: 'manual', ...given };
        if (settings.cidr6 !== undefined || settings.comments6 !== undefined) settings.method6 ??= 'manual';
        writeInterface(blocks, 'br9', 'bridge', settings);
        const again = readInterface(parseInterfaces(serializeInterfaces(blocks)), 'br9');
        assert.deepEqual(again.settings, settings);
        assert.deepEqual(around(), before);
      }
      removeInterface(blocks, 'br9');
      assert.deepEqual(around(), before);
      assert.ok(!interfaceNames(parseInterfaces(serializeInterfaces(blocks))).includes('br9'));
    }),
    { numRuns: 500 },
  );
});
