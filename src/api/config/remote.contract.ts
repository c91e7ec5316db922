// Remotes: other servers to sync with, and what is on them (rest-api.md 7.5).

import { remoteSchema } from '../../config/remote-schema.ts';
import { type Access, defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { configContracts } from '../config-object.contract.ts';
import { groupItem } from '../shapes.contract.ts';

const { name } = remoteSchema.properties;
const audit: Access = { kind: 'privilege', path: '/remote/{name}', all: ['Remote.Audit'] };
const modify: Access = { kind: 'privilege', path: '/remote/{name}', all: ['Remote.Modify'] };
const password = Type.String({
  pattern: '^[^\\u0000-\\u001f\\u007f]*$',
  minLength: 1,
  maxLength: 1024,
  description: 'Password or token secret.',
  writeOnly: true,
});

export const remoteContracts = configContracts({
  path: 'config/remote',
  what: ['remote', 'remotes'],
  schema: remoteSchema,
  id: 'name',
  deletable: ['comment', 'fingerprint', 'port', 'use-node-proxy'],
  access: {
    list: { kind: 'any' },
    read: audit,
    create: { kind: 'privilege', path: '/remote', all: ['Remote.Modify'] },
    update: modify,
    remove: modify,
  },
  secret: ['password'],
  parameters: { create: { password }, update: { password } },
});

export const scanRemote = defineEndpoint({
  method: 'GET',
  path: 'config/remote/{name}/scan',
  summary: 'List the datastores of a remote.',
  parameters: Type.Object({ name }),
  result: Type.Array(
    Type.Object({
      store: schema.store,
      comment: Type.Optional(Type.String()),
      maintenance: Type.Optional(Type.String({ description: 'Maintenance mode as configured.' })),
    }),
  ),
  access: audit,
});

export const scanRemoteNamespaces = defineEndpoint({
  method: 'GET',
  path: 'config/remote/{name}/scan/{store}/namespaces',
  summary: 'List the namespaces of a datastore of a remote.',
  parameters: Type.Object({ name, store: schema.store }),
  result: Type.Array(Type.Object({ ns: schema.ns, comment: Type.Optional(Type.String()) })),
  access: audit,
});

export const scanRemoteGroups = defineEndpoint({
  method: 'GET',
  path: 'config/remote/{name}/scan/{store}/groups',
  summary: 'List the groups of a datastore of a remote.',
  parameters: Type.Object({ name, store: schema.store, namespace: Type.Optional(schema.ns) }),
  result: Type.Array(groupItem),
  access: audit,
});
