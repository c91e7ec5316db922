// API tokens of a user (rest-api.md 7.2).

import { tokenSchema, userSchema } from '../../config/user-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { userid } = userSchema.properties;
const { tokenid: _tokenid, ...fields } = tokenSchema.properties;
const digest = Type.Optional(schema.configDigest);
const one = { userid, 'token-name': schema.tokenName };
const newToken = {
  userid,
  'token-name': Type.String({
    pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
    minLength: 3,
    maxLength: 64,
    description: 'API token name.',
  }),
};
const inside = (privilege: string) => ({ kind: 'inside', note: `Oneself, or ${privilege} on /access/users.` }) as const;

export const listTokens = defineEndpoint({
  method: 'GET',
  path: 'access/users/{userid}/token',
  summary: 'List the API tokens of a user.',
  parameters: Type.Object({ userid }),
  result: Type.Array(Type.Object({ 'token-name': schema.tokenName, ...tokenSchema.properties })),
  access: inside('Sys.Audit'),
});

export const getToken = defineEndpoint({
  method: 'GET',
  path: 'access/users/{userid}/token/{token-name}',
  summary: 'Read an API token.',
  parameters: Type.Object(one),
  result: tokenSchema,
  access: inside('Sys.Audit'),
});

export const generateToken = defineEndpoint({
  method: 'POST',
  path: 'access/users/{userid}/token/{token-name}',
  summary: 'Make an API token; its secret is shown once.',
  parameters: Type.Object({ ...newToken, ...fields, digest }),
  result: Type.Object({ tokenid: schema.authId, value: Type.String({ description: 'The secret.' }) }),
  access: inside('Permissions.Modify'),
  protected: true,
});

export const updateToken = defineEndpoint({
  method: 'PUT',
  path: 'access/users/{userid}/token/{token-name}',
  summary: 'Change an API token.',
  parameters: Type.Object({
    ...one,
    ...fields,
    regenerate: Type.Optional(Type.Boolean({ default: false, description: 'Make a new secret.' })),
    delete: Type.Optional(Type.Array(Type.Union([Type.Literal('comment')]), { description: 'Properties to remove.' })),
    digest,
  }),
  result: Type.Union([Type.Null(), Type.Object({ secret: Type.String() })]),
  access: inside('Permissions.Modify'),
  protected: true,
});

export const removeToken = defineEndpoint({
  method: 'DELETE',
  path: 'access/users/{userid}/token/{token-name}',
  summary: 'Remove an API token.',
  parameters: Type.Object({ ...one, digest }),
  result: Type.Null(),
  access: inside('Permissions.Modify'),
  protected: true,
});
