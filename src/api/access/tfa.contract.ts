// Second factors of users (rest-api.md 7.2, access-control.md 9).

import { userSchema } from '../../config/user-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { tfaLocks } from '../shapes.contract.ts';

const { userid } = userSchema.properties;
const type = oneOf(['totp', 'u2f', 'webauthn', 'recovery', 'yubico'], { description: 'Kind of the factor.' });
const id = Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: 64, description: 'Id of the factor.' });
const description = Type.String({
  pattern: '^[^\\u0000-\\u001f\\u007f]*$',
  maxLength: 255,
  description: 'What the user calls it.',
});
const password = Type.String({
  minLength: 1,
  maxLength: 1024,
  writeOnly: true,
  description: "The caller's own password; not needed by the superuser.",
});
const entry = Type.Object({
  type,
  id,
  description,
  created: Type.Integer({ description: 'Epoch seconds.' }),
  enable: Type.Optional(Type.Boolean({ description: 'Absent when the factor is in use.' })),
});
const selfOrModify = { kind: 'inside', note: 'Oneself, or Permissions.Modify on /access/users.' } as const;

export const listTfa = defineEndpoint({
  method: 'GET',
  path: 'access/tfa',
  summary: 'List second factors of users.',
  parameters: Type.Object({}),
  result: Type.Array(Type.Object({ userid, entries: Type.Array(entry), ...tfaLocks })),
  access: { kind: 'any' },
  protected: true,
});

export const listUserTfa = defineEndpoint({
  method: 'GET',
  path: 'access/tfa/{userid}',
  summary: 'List the second factors of a user.',
  parameters: Type.Object({ userid }),
  result: Type.Array(entry),
  access: selfOrModify,
  protected: true,
});

export const addTfa = defineEndpoint({
  method: 'POST',
  path: 'access/tfa/{userid}',
  summary: 'Add a second factor; a security key takes two calls.',
  parameters: Type.Object({
    userid,
    type,
    description: Type.Optional(description),
    totp: Type.Optional(Type.String({ maxLength: 2048, description: 'The otpauth URI.', writeOnly: true })),
    value: Type.Optional(
      Type.String({
        maxLength: 64 * 1024,
        description: 'The present code, or the answer to the challenge.',
        writeOnly: true,
      }),
    ),
    challenge: Type.Optional(Type.String({ maxLength: 64 * 1024, description: 'The challenge that is answered.' })),
    password: Type.Optional(password),
  }),
  result: Type.Object({
    id: Type.Optional(id),
    challenge: Type.Optional(Type.String({ description: 'What a browser has to be asked with, as JSON text.' })),
    recovery: Type.Optional(Type.Array(Type.String(), { description: 'Recovery keys, shown only now.' })),
  }),
  access: selfOrModify,
  protected: true,
});

export const getTfa = defineEndpoint({
  method: 'GET',
  path: 'access/tfa/{userid}/{id}',
  summary: 'Read a second factor, without its secret.',
  parameters: Type.Object({ userid, id }),
  result: entry,
  access: selfOrModify,
  protected: true,
});

export const updateTfa = defineEndpoint({
  method: 'PUT',
  path: 'access/tfa/{userid}/{id}',
  summary: 'Change the description of a second factor, or whether it is in use.',
  parameters: Type.Object({
    userid,
    id,
    description: Type.Optional(description),
    enable: Type.Optional(Type.Boolean({ description: 'Whether it is in use.' })),
    password: Type.Optional(password),
  }),
  result: Type.Null(),
  access: selfOrModify,
  protected: true,
});

export const removeTfa = defineEndpoint({
  method: 'DELETE',
  path: 'access/tfa/{userid}/{id}',
  summary: 'Remove a second factor.',
  parameters: Type.Object({ userid, id, password: Type.Optional(password) }),
  result: Type.Null(),
  access: selfOrModify,
  protected: true,
});

export const unlockTfa = defineEndpoint({
  method: 'PUT',
  path: 'access/users/{userid}/unlock-tfa',
  summary: "Make an end of the locks of a user's second factors.",
  parameters: Type.Object({ userid: schema.userId }),
  result: Type.Boolean({ description: 'Whether there was a lock.' }),
  access: { kind: 'privilege', path: '/access/users', all: ['Permissions.Modify'] },
  protected: true,
});
