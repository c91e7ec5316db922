// Commands about the machine's network interfaces (cli.md 5). Changes wait until `network reload`.

import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { type Column, fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeNames } from './complete.ts';
import { openLocalServer } from './local-server.ts';

const path = 'nodes/localhost/network';
const pathOf = (iface: string): string => `${path}/${encodeURIComponent(iface)}`;

interface Interface {
  name: string;
  autostart: boolean;
  type: string;
  method?: string;
  method6?: string;
  cidr?: string;
  cidr6?: string;
  gateway?: string;
  gateway6?: string;
  bridge_ports?: string[];
  slaves?: string[];
}

const lines = (...values: (string | undefined)[]): string => values.filter((value) => value !== undefined).join('\n');
const columns: Column<Interface>[] = [
  fieldColumn('name'),
  fieldColumn('type'),
  fieldColumn('autostart'),
  fieldColumn('method'),
  fieldColumn('method6'),
  { name: 'address', text: (row) => lines(row.cidr, row.cidr6) },
  { name: 'gateway', text: (row) => lines(row.gateway, row.gateway6) },
  { name: 'ports/slaves', text: (row) => (row.bridge_ports ?? row.slaves ?? []).join(' ') },
];

const list = defineCommand({
  summary: 'List network interfaces as they will be after a reload.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const interfaces = (await server.call('GET', path)) as Interface[];
    if (printJson(terminal, outputFormat(values, terminal), interfaces)) return;
    printTable<Interface>(terminal, interfaces, columns);
  },
});

const changes = defineCommand({
  summary: 'Show what waits to be put into force, as a diff.',
  options: {},
  async run(_values, terminal) {
    await using server = await openLocalServer(terminal);
    const { attributes } = await server.callForAnswer('GET', path);
    const text = attributes['changes'];
    if (typeof text === 'string') terminal.print(text);
  },
});

const types = ['eth', 'bridge', 'bond', 'vlan', 'alias', 'loopback'] as const;
const methods = ['manual', 'static', 'dhcp', 'loopback', 'auto'] as const;
const bondModes = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
  'balance-alb',
] as const;
const hashPolicies = ['layer2', 'layer2+3', 'layer3+4'] as const;

const settings = {
  type: optional(option.choice(types, 'What it is.')),
  autostart: optional(option.flag('Whether it is brought up with the machine.')),
  method: optional(option.choice(methods, 'How it gets its IPv4 address.')),
  method6: optional(option.choice(methods, 'How it gets its IPv6 address.')),
  cidr: optional(option.text('IPv4 address with prefix length.')),
  cidr6: optional(option.text('IPv6 address with prefix length.')),
  gateway: optional(option.text('Default gateway.')),
  gateway6: optional(option.text('Default gateway of IPv6.')),
  mtu: optional(option.integer('Largest packet in bytes.', { minimum: 46, maximum: 65535 })),
  comments: optional(option.text('Notes.')),
  comments6: optional(option.text('Notes.')),
  bridge_ports: optional(option.text('Ports of the bridge, parted by commas.')),
  bridge_vlan_aware: optional(option.flag('Whether the bridge keeps VLANs apart.')),
  'vlan-id': optional(option.integer('VLAN.', { minimum: 1, maximum: 4094 })),
  'vlan-raw-device': optional(option.text('Interface that the VLAN lies on.')),
  bond_mode: optional(option.choice(bondModes, 'How the slaves share the work.')),
  'bond-primary': optional(option.text('Slave that is used while it works.')),
  bond_xmit_hash_policy: optional(option.choice(hashPolicies, 'What decides which slave sends.')),
  slaves: optional(option.text('Slaves of the bond, parted by commas.')),
};
const iface = option.text('Interface.', { minLength: 2, maxLength: 15, valueName: 'iface' });
const complete = { iface: completeNames(path, 'name') };
const removable = Object.keys(settings).filter((name) => name !== 'type' && name !== 'bond_mode');
const digest = { digest: optional(option.text('Only if the configuration still has this digest.')) };

const create = defineCommand({
  summary: 'Add an interface; it waits for a reload.',
  positional: ['iface'],
  options: { iface, ...settings },
  examples: ['network create vmbr0 --autostart --cidr 192.0.2.2/24 --gateway 192.0.2.1 --bridge_ports eno1'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('POST', path, values);
  },
});

const update = defineCommand({
  summary: 'Change an interface; the change waits for a reload.',
  positional: ['iface'],
  options: {
    iface,
    ...settings,
    delete: optional(option.list(option.choice(removable, 'Setting.'), 'Remove this setting.')),
    ...digest,
  },
  complete,
  async run({ iface: name, ...change }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', pathOf(name), change);
  },
});

const remove = defineCommand({
  summary: 'Take an interface out; the change waits for a reload.',
  positional: ['iface'],
  options: { iface, ...digest },
  complete,
  async run({ iface: name, ...guard }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', pathOf(name), guard);
  },
});

const revert = defineCommand({
  summary: 'Forget what waits.',
  options: {},
  async run(_values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', path);
  },
});

const reload = defineCommand({
  summary: 'Put what waits into force.',
  options: {},
  async run(_values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('PUT', path)) as string;
    await followTask(server, upid, terminal, 'text');
  },
});

export const networkCommands = defineGroup('Network interfaces of the machine.', {
  list,
  changes,
  create,
  update,
  remove,
  revert,
  reload,
});
export const networkOptions = { create, update, remove };
