// Network interfaces of the machine (rest-api.md 7.6).

import {
  bondModes,
  configMethods,
  hashPolicies,
  interfaceTypes,
  removableSettings,
} from '../../machine/network-fields.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { type TProperties, Type } from '../../model/type.ts';

const { node } = schema;
const path = 'nodes/{node}/network';
const all = '/system/network/interfaces';
const one = `${all}/{iface}`;
const audit = ['Sys.Audit'] as const;
const modify = ['Sys.Modify'] as const;

const namePattern = '[A-Za-z0-9_][A-Za-z0-9_-]*(?:\\.[0-9]{1,4})?(?::[0-9]{1,4})?';
const iface = Type.String({ pattern: `^${namePattern}$`, minLength: 2, maxLength: 15, description: 'Interface.' });
const device = Type.String({ pattern: `^${namePattern}$`, minLength: 2, maxLength: 15, description: 'Interface.' });
const devices = (description: string) =>
  Type.String({ pattern: `^$|^${namePattern}(?:[ ,;]+${namePattern})*$`, maxLength: 1024, description });
const address = (description: string) =>
  Type.String({ pattern: '^[0-9A-Fa-f.:]+(?:%[A-Za-z0-9._-]+)?$', maxLength: 64, description });
const cidr = (description: string) =>
  Type.String({ pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$', maxLength: 64, description });
const comments = Type.String({
  pattern: '^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$',
  maxLength: 8192,
  description: 'Notes.',
});

const plain = {
  autostart: Type.Boolean({ description: 'Whether it is brought up with the machine.' }),
  method: oneOf(configMethods, { description: 'How it gets its IPv4 address.' }),
  method6: oneOf(configMethods, { description: 'How it gets its IPv6 address.' }),
  cidr: cidr('IPv4 address with prefix length.'),
  cidr6: cidr('IPv6 address with prefix length.'),
  gateway: address('Default gateway.'),
  gateway6: address('Default gateway of IPv6.'),
  mtu: Type.Integer({ minimum: 46, maximum: 65535, description: 'Largest packet in bytes.' }),
  comments,
  comments6: comments,
  bridge_vlan_aware: Type.Boolean({ description: 'Whether the bridge keeps VLANs apart.' }),
  'vlan-id': Type.Integer({ minimum: 1, maximum: 4094, description: 'VLAN.' }),
  'vlan-raw-device': device,
  bond_mode: oneOf(bondModes, { description: 'How the slaves share the work.' }),
  'bond-primary': device,
  bond_xmit_hash_policy: oneOf(hashPolicies, { description: 'What decides which slave sends.' }),
};
const optionalAll = <P extends TProperties>(properties: P) =>
  Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, Type.Optional(property)])) as {
    [K in keyof P]: ReturnType<typeof Type.Optional<P[K]>>;
  };

const settings = {
  ...optionalAll(plain),
  bridge_ports: Type.Optional(devices('Ports of the bridge.')),
  slaves: Type.Optional(devices('Slaves of the bond.')),
};
const names = Type.Array(Type.String());

const item = Type.Object({
  ...optionalAll(plain),
  iface: Type.String(),
  name: Type.String(),
  type: oneOf(interfaceTypes),
  autostart: Type.Boolean(),
  active: Type.Boolean({ description: 'Whether it is up now.' }),
  exists: Type.Optional(Type.Boolean({ description: 'Whether the machine has it now.' })),
  bridge_ports: Type.Optional(names),
  slaves: Type.Optional(names),
  options: Type.Optional(names),
  options6: Type.Optional(names),
});

export const listNetwork = defineEndpoint({
  method: 'GET',
  path,
  summary: 'List network interfaces as they will be; the attribute changes is a diff of what waits.',
  parameters: Type.Object({ node }),
  result: Type.Array(item),
  access: { kind: 'privilege', path: all, all: audit },
});

export const createNetworkInterface = defineEndpoint({
  method: 'POST',
  path,
  summary: 'Add an interface to the configuration that waits.',
  parameters: Type.Object({
    node,
    iface,
    type: Type.Optional(oneOf(interfaceTypes, { description: 'What it is.' })),
    ...settings,
  }),
  result: Type.Null(),
  access: { kind: 'inside', note: 'Sys.Modify on /system/network/interfaces/{iface}.' },
  protected: true,
});

export const applyNetworkChanges = defineEndpoint({
  method: 'PUT',
  path,
  summary: 'Put what waits into force.',
  parameters: Type.Object({ node }),
  result: schema.upid,
  access: { kind: 'privilege', path: all, all: modify },
  protected: true,
});

export const revertNetworkChanges = defineEndpoint({
  method: 'DELETE',
  path,
  summary: 'Forget what waits.',
  parameters: Type.Object({ node }),
  result: Type.Null(),
  access: { kind: 'privilege', path: all, all: modify },
  protected: true,
});

export const readNetworkInterfaceCall = defineEndpoint({
  method: 'GET',
  path: `${path}/{iface}`,
  summary: 'Read an interface as it will be.',
  parameters: Type.Object({ node, iface }),
  result: item,
  access: { kind: 'privilege', path: one, all: audit },
});

export const updateNetworkInterface = defineEndpoint({
  method: 'PUT',
  path: `${path}/{iface}`,
  summary: 'Change an interface in the configuration that waits.',
  parameters: Type.Object({
    node,
    iface,
    type: Type.Optional(oneOf(interfaceTypes, { description: 'What it is; cannot be changed.' })),
    ...settings,
    delete: Type.Optional(Type.Array(oneOf(removableSettings), { description: 'Settings to remove.' })),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: one, all: modify },
  protected: true,
});

export const removeNetworkInterface = defineEndpoint({
  method: 'DELETE',
  path: `${path}/{iface}`,
  summary: 'Take an interface out of the configuration that waits.',
  parameters: Type.Object({ node, iface, digest: Type.Optional(schema.configDigest) }),
  result: Type.Null(),
  access: { kind: 'privilege', path: one, all: modify },
  protected: true,
});
