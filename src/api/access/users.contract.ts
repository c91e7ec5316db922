// Users and their passwords (rest-api.md 7.2).

import { tokenSchema, userSchema } from '../../config/user-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { tfaLocks } from '../shapes.contract.ts';

const { userid, ...fields } = userSchema.properties;
const password = Type.String({ minLength: 5, maxLength: 64, writeOnly: true, description: 'New password.' });
const confirmation = Type.String({
  minLength: 1,
  maxLength: 1024,
  writeOnly: true,
  description: "The caller's own password.",
});

const userWithLocks = { ...userSchema.properties, ...tfaLocks };

export const listUsers = defineEndpoint({
  method: 'GET',
  path: 'access/users',
  summary: 'List users.',
  parameters: Type.Object({
    include_tokens: Type.Optional(Type.Boolean({ default: false, description: 'With their API tokens.' })),
  }),
  result: Type.Array(Type.Object({ ...userWithLocks, tokens: Type.Optional(Type.Array(tokenSchema)) })),
  access: { kind: 'any' },
  protected: true,
});

export const createUser = defineEndpoint({
  method: 'POST',
  path: 'access/users',
  summary: 'Create a user.',
  parameters: Type.Object({ userid, ...fields, password: Type.Optional(password) }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/access/users', all: ['Permissions.Modify'] },
  protected: true,
});

export const getUser = defineEndpoint({
  method: 'GET',
  path: 'access/users/{userid}',
  summary: 'Read a user.',
  parameters: Type.Object({ userid }),
  result: Type.Object(userWithLocks),
  access: { kind: 'inside', note: 'Oneself, or Sys.Audit on /access/users.' },
  protected: true,
});

export const updateUser = defineEndpoint({
  method: 'PUT',
  path: 'access/users/{userid}',
  summary: 'Change a user.',
  parameters: Type.Object({
    userid,
    ...fields,
    password: Type.Optional(password),
    'confirmation-password': Type.Optional(confirmation),
    delete: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Literal('comment'),
          Type.Literal('firstname'),
          Type.Literal('lastname'),
          Type.Literal('email'),
        ]),
        { description: 'Properties to remove.' },
      ),
    ),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: { kind: 'inside', note: 'Oneself, or Permissions.Modify on /access/users.' },
  protected: true,
});

export const deleteUser = defineEndpoint({
  method: 'DELETE',
  path: 'access/users/{userid}',
  summary: 'Remove a user with password, second factors and tokens.',
  parameters: Type.Object({ userid, digest: Type.Optional(schema.configDigest) }),
  result: Type.Null(),
  access: { kind: 'inside', note: 'Oneself, or Permissions.Modify on /access/users.' },
  protected: true,
});

export const changeUserPassword = defineEndpoint({
  method: 'PUT',
  path: 'access/password',
  summary: 'Change a password.',
  parameters: Type.Object({ userid, password, 'confirmation-password': Type.Optional(confirmation) }),
  result: Type.Null(),
  access: { kind: 'any' },
  protected: true,
});
