// Commands about the machine's disks (cli.md 5). Disks are changed in tasks, whose log is followed.

import { formatBytes } from '../../base/human.ts';
import { datastoreFileSystems, diskUsages, raidLevels, zfsCompressions } from '../../machine/disk-words.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { type Column, fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { followTask } from '../task-log.ts';
import { completeNames } from './complete.ts';
import { openLocalServer } from './local-server.ts';

const path = 'nodes/localhost/disks';

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
    'usage-type': optional(option.choice(diskUsages, 'Only disks that are used so.')),
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

const disk = option.text('Disk, without /dev/.', { maxLength: 32 });
const completeUnused = completeNames(`${path}/list?skipsmart=1&usage-type=unused`, 'name');
const addDatastore = optional(option.flag('Also make a datastore of that name there.'));

const initialize = defineCommand({
  summary: 'Give an unused disk an empty partition table (GPT).',
  positional: ['disk'],
  options: { disk, uuid: optional(option.text('UUID of the table.')) },
  complete: { disk: completeUnused },
  run: (values, terminal) => follow(terminal, 'POST', 'initgpt', values),
});

const wipe = defineCommand({
  summary: 'Take everything off a disk that is not in use; its data cannot be found again.',
  positional: ['disk'],
  options: { disk },
  complete: { disk: completeNames(`${path}/list?skipsmart=1`, 'name') },
  run: (values, terminal) => follow(terminal, 'PUT', 'wipedisk', values),
});

const createDirectory = defineCommand({
  summary: 'Make a file system on an unused disk and mount it for a datastore.',
  positional: ['name'],
  options: {
    name: option.text('Name of the mount, and of the datastore.'),
    disk,
    filesystem: optional(option.choice(datastoreFileSystems, 'Kind of file system.')),
    'add-datastore': addDatastore,
    'removable-datastore': optional(
      option.flag('Make a datastore that comes and goes with the disk: nothing mounts it at the start.'),
    ),
  },
  complete: { disk: completeUnused },
  run: (values, terminal) => follow(terminal, 'POST', 'directory', values),
});

const removeDirectory = defineCommand({
  summary: 'Unmount a file system that was mounted for a datastore; its data stays.',
  positional: ['name'],
  options: { name: option.text('Name of the mount.') },
  complete: { name: completeNames(`${path}/directory`, 'name') },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', `${path}/directory/${encodeURIComponent(values.name)}`);
  },
});

const createPool = defineCommand({
  summary: 'Make a ZFS pool of unused disks.',
  positional: ['name'],
  options: {
    name: option.text('Name of the pool, and of the datastore.'),
    devices: option.text('Disks, without /dev/, parted by commas.'),
    raidlevel: option.choice(raidLevels, 'How disks stand in for each other.'),
    ashift: optional(option.integer('Exponent of the sector size.', { minimum: 9, maximum: 16 })),
    compression: optional(option.choice(zfsCompressions, 'Compression.')),
    'add-datastore': addDatastore,
  },
  complete: { devices: completeUnused },
  run: (values, terminal) => follow(terminal, 'POST', 'zfs', values),
});

async function follow(
  terminal: Terminal,
  method: 'POST' | 'PUT',
  what: string,
  values: Record<string, unknown>,
): Promise<void> {
  await using server = await openLocalServer(terminal);
  const upid = (await server.call(method, `${path}/${what}`, values)) as string;
  await followTask(server, upid, terminal, 'text');
}

export const diskCommands = defineGroup('Disks of the machine.', {
  list,
  'smart-attributes': smartAttributes,
  initialize,
  wipe,
  fs: defineGroup('File systems that are mounted for datastores.', {
    list: listDirectories,
    create: createDirectory,
    delete: removeDirectory,
  }),
  zpool: defineGroup('ZFS pools.', { list: listPools, create: createPool }),
});
