// Disks of the machine and what is on them (rest-api.md 7.6 "disks").

import {
  datastoreFileSystems,
  diskTypes,
  diskUsages,
  raidLevels,
  smartStates,
  zfsCompressions,
} from '../../machine/disk-words.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const access = { kind: 'privilege', path: '/system/disks', all: ['Sys.Audit'] } as const;
const changeAccess = { kind: 'privilege', path: '/system/disks', all: ['Sys.Modify'] } as const;
const text = Type.String();
const optionalText = Type.Optional(text);
const wearout = Type.Optional(Type.Number({ description: 'Percent of its life that an SSD has left.' }));
const bytes = Type.Integer({ description: 'Bytes.' });
const diskName = '(?:[svx]d[a-z]+|nvme[0-9]+n[0-9]+)';
const disk = Type.String({ pattern: `^${diskName}$`, maxLength: 32, description: 'Disk, without /dev/.' });
const used = oneOf(diskUsages, { description: 'What keeps it from being free.' });

export const listNodeDisks = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/disks/list',
  summary: 'List disks.',
  parameters: Type.Object({
    node,
    skipsmart: Type.Optional(Type.Boolean({ default: false, description: 'Do not ask the disks for their health.' })),
    'include-partitions': Type.Optional(Type.Boolean({ default: false, description: 'With partitions.' })),
    'usage-type': Type.Optional(oneOf(diskUsages, { description: 'Only disks that are used so.' })),
  }),
  result: Type.Array(
    Type.Object({
      name: text,
      devpath: text,
      used,
      'disk-type': oneOf(diskTypes),
      status: oneOf(smartStates),
      wearout,
      vendor: optionalText,
      model: optionalText,
      wwn: optionalText,
      serial: optionalText,
      size: bytes,
      gpt: Type.Boolean(),
      rpm: Type.Optional(Type.Integer({ description: 'Turns a minute.' })),
      uuid: Type.Optional(Type.String({ description: 'Of a file system on the whole disk.' })),
      partitions: Type.Optional(
        Type.Array(
          Type.Object({
            name: text,
            devpath: text,
            used,
            gpt: Type.Boolean(),
            size: bytes,
            filesystem: optionalText,
            uuid: Type.Optional(Type.String({ description: 'Of its file system.' })),
          }),
        ),
      ),
    }),
  ),
  access,
  protected: true,
});

export const readNodeSmart = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/disks/smart',
  summary: 'Ask a disk for its health.',
  parameters: Type.Object({
    node,
    disk,
    healthonly: Type.Optional(Type.Boolean({ default: false, description: 'Without attributes.' })),
  }),
  result: Type.Object({
    status: oneOf(smartStates),
    wearout,
    rpm: Type.Optional(Type.Integer()),
    attributes: Type.Array(
      Type.Object({
        name: text,
        value: text,
        id: Type.Optional(Type.Integer()),
        flags: optionalText,
        normalized: Type.Optional(Type.Number()),
        worst: Type.Optional(Type.Number()),
        threshold: Type.Optional(Type.Number()),
      }),
    ),
  }),
  access,
  protected: true,
});

export const listNodeDirectories = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/disks/directory',
  summary: 'List file systems that are mounted for datastores.',
  parameters: Type.Object({ node }),
  result: Type.Array(
    Type.Object({
      unitfile: Type.Optional(Type.String({ description: 'Absent for what a removable datastore mounts itself.' })),
      name: text,
      path: text,
      device: text,
      removable: Type.Boolean(),
      filesystem: optionalText,
      options: optionalText,
    }),
  ),
  access,
});

export const listNodePools = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/disks/zfs',
  summary: 'List ZFS pools.',
  parameters: Type.Object({ node }),
  result: Type.Array(
    Type.Object({
      name: text,
      health: text,
      size: bytes,
      alloc: bytes,
      free: bytes,
      frag: Type.Number({ description: 'Percent.' }),
      dedup: Type.Number(),
    }),
  ),
  access,
});

const pool = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.:-]*$', maxLength: 128, description: 'Name of the pool.' });
const poolNode = Type.Object({
  name: text,
  state: optionalText,
  read: Type.Optional(Type.Integer()),
  write: Type.Optional(Type.Integer()),
  cksum: Type.Optional(Type.Integer()),
  msg: optionalText,
  leaf: Type.Boolean(),
});

export const readNodePool = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/disks/zfs/{name}',
  summary: 'Read the state of a ZFS pool and its devices; each may have children of its kind.',
  parameters: Type.Object({
    node,
    name: pool,
  }),
  result: Type.Object({
    name: text,
    state: text,
    scan: optionalText,
    errors: optionalText,
    status: optionalText,
    action: optionalText,
    children: Type.Array(poolNode),
  }),
  access,
});

export const initializeNodeDisk = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/disks/initgpt',
  summary: 'Give an unused disk an empty partition table (GPT).',
  parameters: Type.Object({
    node,
    disk,
    uuid: Type.Optional(
      Type.String({
        pattern: '^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$',
        description: 'UUID of the table; by default one by chance.',
      }),
    ),
  }),
  result: schema.upid,
  access: changeAccess,
  protected: true,
});

export const wipeNodeDisk = defineEndpoint({
  method: 'PUT',
  path: 'nodes/{node}/disks/wipedisk',
  summary: 'Take everything off a disk that is not in use; its data cannot be found again.',
  parameters: Type.Object({ node, disk }),
  result: schema.upid,
  access: changeAccess,
  protected: true,
});

const addDatastore = Type.Optional(
  Type.Boolean({ default: false, description: 'Also make a datastore of that name there.' }),
);

export const createNodeDirectory = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/disks/directory',
  summary: 'Make a file system on an unused disk and mount it for a datastore.',
  parameters: Type.Object({
    node,
    name: schema.store,
    disk,
    filesystem: Type.Optional(oneOf(datastoreFileSystems, { default: 'ext4', description: 'Kind of file system.' })),
    'add-datastore': addDatastore,
    'removable-datastore': Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Make a datastore that comes and goes with the disk: nothing mounts it at the start.',
      }),
    ),
  }),
  result: schema.upid,
  access: changeAccess,
  protected: true,
});

export const removeNodeDirectory = defineEndpoint({
  method: 'DELETE',
  path: 'nodes/{node}/disks/directory/{name}',
  summary: 'Unmount a file system that was mounted for a datastore; its data stays.',
  parameters: Type.Object({ node, name: schema.store }),
  result: Type.Null(),
  access: changeAccess,
  protected: true,
});

export const createNodePool = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/disks/zfs',
  summary: 'Make a ZFS pool of unused disks.',
  parameters: Type.Object({
    node,
    name: pool,
    devices: Type.String({
      pattern: `^${diskName}(?:[,; ]+${diskName})*$`,
      maxLength: 1024,
      description: 'Disks, without /dev/, parted by commas.',
    }),
    raidlevel: oneOf(raidLevels, { description: 'How disks stand in for each other.' }),
    ashift: Type.Optional(
      Type.Integer({ minimum: 9, maximum: 16, default: 12, description: 'Exponent of the sector size.' }),
    ),
    compression: Type.Optional(oneOf(zfsCompressions, { default: 'on', description: 'Compression.' })),
    'add-datastore': addDatastore,
  }),
  result: schema.upid,
  access: changeAccess,
  protected: true,
});
