// Commands about the machine's disks (cli.md 5). Nothing here changes a disk.

import { formatBytes } from '../../base/human.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { type Column, fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeNames } from './complete.ts';
import { openLocalServer } from './local-server.ts';

const path = 'nodes/localhost/disks';
const usages = ['unused', 'mounted', 'lvm', 'zfs', 'devicemapper', 'partitions', 'filesystem'] as const;

interface Disk {
  name: string;
  used: string;
  gpt: boolean;
  'disk-type': string;
  size: number;
  model?: string;
  wearout?: number;
  status: string;
}

const sizeColumn = { name: 'size', right: true, text: (row: { size: number }) => formatBytes(row.size) };
const diskColumns: Column<Disk>[] = [
  fieldColumn('name'),
  fieldColumn('used'),
  fieldColumn('gpt'),
  fieldColumn('disk-type'),
  sizeColumn,
  fieldColumn('model'),
  { name: 'wearout', right: true, text: (row) => (row.wearout === undefined ? undefined : `${row.wearout}%`) },
  fieldColumn('status'),
];

const list = defineCommand({
  summary: 'List disks, with their health and what they are used for.',
  options: {
    'usage-type': optional(option.choice(usages, 'Only disks that are used so.')),
    skipsmart: optional(option.flag('Do not ask the disks for their health.')),
    ...outputOption,
  },
  async run({ 'output-format': format, ...filters }, terminal) {
    await using server = await openLocalServer(terminal);
    const disks = (await server.call('GET', `${path}/list`, filters)) as Disk[];
    if (printJson(terminal, outputFormat({ 'output-format': format }, terminal), disks)) return;
    printTable<Disk>(terminal, disks, diskColumns);
  },
});

interface Attribute {
  name: string;
  value: string;
  id?: number;
  normalized?: number;
}

const smartAttributes = defineCommand({
  summary: 'Show what a disk tells of its health.',
  positional: ['disk'],
  options: { disk: option.text('Disk, without /dev/.', { maxLength: 32 }), ...outputOption },
  complete: { disk: completeNames(`${path}/list?skipsmart=1`, 'name') },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const smart = (await server.call('GET', `${path}/smart`, { disk: values.disk })) as { attributes: Attribute[] };
    if (printJson(terminal, outputFormat(values, terminal), smart)) return;
    const columns: Column<Attribute>[] = [
      fieldColumn('id'),
      fieldColumn('name'),
      fieldColumn('normalized'),
      fieldColumn('value'),
    ];
    const shown = smart.attributes.some((one) => one.id !== undefined) ? columns : [columns[1]!, columns[3]!];
    printTable<Attribute>(terminal, smart.attributes, shown, { sort: false });
  },
});

interface Directory {
  path: string;
  device: string;
  filesystem?: string;
  options?: string;
}

const listDirectories = defineCommand({
  summary: 'List file systems that are mounted for datastores.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const mounts = (await server.call('GET', `${path}/directory`)) as Directory[];
    if (printJson(terminal, outputFormat(values, terminal), mounts)) return;
    printTable<Directory>(terminal, mounts, [
      fieldColumn('path'),
      fieldColumn('device'),
      fieldColumn('filesystem'),
      fieldColumn('options'),
    ]);
  },
});

interface Pool {
  name: string;
  size: number;
  alloc: number;
  health: string;
}

const listPools = defineCommand({
  summary: 'List ZFS pools.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const pools = (await server.call('GET', `${path}/zfs`)) as Pool[];
    if (printJson(terminal, outputFormat(values, terminal), pools)) return;
    printTable<Pool>(terminal, pools, [
      fieldColumn('name'),
      sizeColumn,
      { name: 'used', right: true, text: (row) => formatBytes(row.alloc) },
      fieldColumn('health'),
    ]);
  },
});

export const diskCommands = defineGroup('Disks of the machine.', {
  list,
  'smart-attributes': smartAttributes,
  fs: defineGroup('File systems that are mounted for datastores.', { list: listDirectories }),
  zpool: defineGroup('ZFS pools.', { list: listPools }),
});
