// Name servers of the machine (rest-api.md 7.6).

import { dnsServerKeys } from '../../machine/dns-keys.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const search = Type.Optional(
  Type.String({
    pattern: `^(?:${label}\\.)*${label}\\.?(?: (?:${label}\\.)*${label}\\.?)*$`,
    maxLength: 1024,
    description: 'Domain in which short names are looked up.',
  }),
);
const server = Type.Optional(
  Type.String({
    pattern: '^(?:[0-9]{1,3}(?:\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?)$',
    maxLength: 64,
    description: 'Address of a name server.',
  }),
);
const settings = { search, dns1: server, dns2: server, dns3: server };

export const readDnsSettings = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/dns',
  summary: 'Read the name servers of the machine.',
  parameters: Type.Object({ node }),
  result: Type.Object({ ...settings, digest: schema.digestHex }),
  access: { kind: 'privilege', path: '/system/network/dns', all: ['Sys.Audit'] },
});

export const updateDnsSettings = defineEndpoint({
  method: 'PUT',
  path: 'nodes/{node}/dns',
  summary: 'Change the name servers of the machine.',
  parameters: Type.Object({
    node,
    ...settings,
    delete: Type.Optional(Type.Array(oneOf(dnsServerKeys), { description: 'Servers to remove.' })),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/system/network/dns', all: ['Sys.Modify'] },
  protected: true,
});
