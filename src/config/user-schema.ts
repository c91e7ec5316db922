// The fields of users and API tokens (access-control.md 8, rest-api.md 9). Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';

const line = (minLength: number, maxLength: number, description: string) =>
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]*$', minLength, maxLength, description });

const expire = Type.Integer({ minimum: 0, description: 'When the account expires, epoch seconds; 0 = never.' });

export const userSchema = Type.Object({
  userid: schema.userId,
  comment: Type.Optional(schema.comment),
  enable: Type.Optional(Type.Boolean({ description: 'Whether the account can be used. Default true.' })),
  expire: Type.Optional(expire),
  firstname: Type.Optional(line(2, 64, 'First name.')),
  lastname: Type.Optional(line(2, 64, 'Last name.')),
  email: Type.Optional(line(2, 64, 'E-mail address.')),
});
export type UserEntry = Static<typeof userSchema>;

export const tokenSchema = Type.Object({
  tokenid: schema.authId,
  comment: Type.Optional(schema.comment),
  enable: Type.Optional(Type.Boolean({ description: 'Whether the token can be used. Default true.' })),
  expire: Type.Optional(expire),
});
export type TokenEntry = Static<typeof tokenSchema>;
