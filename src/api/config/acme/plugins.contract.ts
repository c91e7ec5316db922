// ACME plugins: how challenges are answered, and which DNS hooks there are (rest-api.md 7.5).

import { dnsPluginSchema } from '../../../config/acme-plugin-schema.ts';
import { defineEndpoint } from '../../../model/endpoint.ts';
import { oneOf } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { configContracts } from '../../config-object.contract.ts';
import { certificateAccess as access } from './access.contract.ts';

const { id, api, data, disable, 'validation-delay': delay } = dnsPluginSchema.properties;

/** Creation, change and removal; list and read are declared below, they know the plugin `standalone`, too. */
export const acmePluginContracts = configContracts({
  path: 'config/acme/plugins',
  what: ['ACME plugin', 'ACME plugins'],
  schema: dnsPluginSchema,
  id: 'id',
  deletable: ['disable', 'validation-delay'],
  parameters: { create: { type: oneOf(['dns'], { description: 'Kind of the plugin.' }) } },
  access: { list: access, read: access, create: access, update: access, remove: access },
});

const plugin = Type.Object({
  plugin: id,
  type: oneOf(['dns', 'standalone']),
  api: Type.Optional(api),
  data: Type.Optional(data),
  disable,
  'validation-delay': delay,
});

export const listPlugins = defineEndpoint({
  method: 'GET',
  path: 'config/acme/plugins',
  summary: 'List ACME plugins.',
  parameters: Type.Object({}),
  result: Type.Array(plugin),
  access,
  protected: true,
});

export const getPlugin = defineEndpoint({
  method: 'GET',
  path: 'config/acme/plugins/{id}',
  summary: 'Read an ACME plugin.',
  parameters: Type.Object({ id }),
  result: plugin,
  access,
  protected: true,
});

export const listChallengeSchemas = defineEndpoint({
  method: 'GET',
  path: 'config/acme/challenge-schema',
  summary: 'List the DNS hooks of this server.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      type: Type.String(),
      schema: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
  access: { kind: 'any' },
  protected: true,
});
