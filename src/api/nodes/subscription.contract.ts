// Subscriptions, of which there are none, and what tells this server from others (rest-api.md 7.6).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const path = 'nodes/{node}/subscription';
const modify = { kind: 'privilege', path: '/system', all: ['Sys.Modify'] } as const;

export const readSubscription = defineEndpoint({
  method: 'GET',
  path,
  summary: 'Read the subscription: there is none, and none is needed.',
  parameters: Type.Object({ node }),
  result: Type.Object({
    status: Type.String({ description: 'Always notfound.' }),
    message: Type.String(),
    serverid: Type.String({ description: 'What tells this server from others.' }),
  }),
  access: { kind: 'any' },
});

export const checkSubscription = defineEndpoint({
  method: 'POST',
  path,
  summary: 'Check the subscription: there is nothing to check.',
  parameters: Type.Object({ node, force: Type.Optional(Type.Boolean({ default: false, description: 'Ignored.' })) }),
  result: Type.Null(),
  access: modify,
  protected: true,
});

export const setSubscription = defineEndpoint({
  method: 'PUT',
  path,
  summary: 'Set a key: refused, no key does anything.',
  parameters: Type.Object({ node, key: Type.String({ minLength: 1, maxLength: 65536, description: 'Key.' }) }),
  result: Type.Null(),
  access: modify,
  protected: true,
});

export const removeSubscription = defineEndpoint({
  method: 'DELETE',
  path,
  summary: 'Remove the key: there is none.',
  parameters: Type.Object({ node }),
  result: Type.Null(),
  access: modify,
  protected: true,
});

export const readIdentity = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/identity',
  summary: 'What tells this server from others.',
  parameters: Type.Object({ node }),
  result: Type.Object({ 'pbs-instance-id': Type.String() }),
  access: { kind: 'any' },
});
