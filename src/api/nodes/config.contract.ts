// Options of the server itself, node.cfg (rest-api.md 7.6, config-and-tasks.md 3).

import { nodeSchema } from '../../config/node-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;

/** Every option can be removed. */
export const nodeOptionNames = Object.keys(nodeSchema.properties) as (keyof typeof nodeSchema.properties)[];

export const readNodeConfig = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/config',
  summary: 'Read the options of the server.',
  parameters: Type.Object({ node }),
  result: nodeSchema,
  access: { kind: 'privilege', path: '/system', all: ['Sys.Audit'] },
});

export const updateNodeConfig = defineEndpoint({
  method: 'PUT',
  path: 'nodes/{node}/config',
  summary: 'Change options of the server.',
  parameters: Type.Object({
    node,
    ...nodeSchema.properties,
    delete: Type.Optional(Type.Array(oneOf(nodeOptionNames), { description: 'Options to remove.' })),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/system', all: ['Sys.Modify'] },
  protected: true,
});
