// The machine: list of nodes, status, power (rest-api.md 7.6 and 8).

import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const bytes = Type.Integer({ description: 'Bytes.' });

export const listNodes = defineEndpoint({
  method: 'GET',
  path: 'nodes',
  summary: 'List the nodes: this one.',
  parameters: Type.Object({}),
  result: Type.Array(Type.Object({ node: Type.String() })),
  access: { kind: 'any' },
});

export const nodeStatus = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/status',
  summary: 'Load, memory and root file system.',
  parameters: Type.Object({ node }),
  result: Type.Object({
    hostname: Type.String({ description: 'Short name of the machine.' }),
    memory: Type.Object({ total: bytes, used: bytes, free: bytes }),
    swap: Type.Object({ total: bytes, used: bytes, free: bytes }),
    root: Type.Object({ total: bytes, used: bytes, avail: bytes }),
    uptime: Type.Integer({ description: 'Seconds.' }),
    loadavg: Type.Array(Type.Number()),
    cpu: Type.Number({ description: 'Busy share, 0 to 1, since the last call.' }),
    wait: Type.Number({ description: 'Share spent waiting for devices.' }),
    cpuinfo: Type.Object({ model: Type.String(), sockets: Type.Integer(), cpus: Type.Integer() }),
    kversion: Type.String(),
    'current-kernel': Type.Object({
      sysname: Type.String(),
      release: Type.String(),
      version: Type.String(),
      machine: Type.String(),
    }),
    info: Type.Object({ fingerprint: Type.String() }),
    'boot-info': Type.Object({
      mode: Type.Union([Type.Literal('efi'), Type.Literal('legacy-bios')]),
      secureboot: Type.Optional(Type.Boolean()),
    }),
  }),
  access: { kind: 'privilege', path: '/system/status', all: ['Sys.Audit'] },
});

export const powerNode = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/status',
  summary: 'Restart the machine or switch it off.',
  parameters: Type.Object({ node, command: oneOf(['reboot', 'shutdown'], { description: 'What to do.' }) }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/system/status', all: ['Sys.PowerManagement'] },
  protected: true,
});
