// The fields of remote.cfg (config-and-tasks.md 2): other servers to sync with. Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { objectName } from './job-fields.ts';

export const remoteSchema = Type.Object({
  name: objectName('Name of the remote.'),
  host: Type.String({
    pattern: '^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\\]?)$',
    maxLength: 255,
    description: 'Name or address of the host.',
  }),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Port. Default 8007.' })),
  'auth-id': schema.authId,
  password: Type.String({
    pattern: '^[A-Za-z0-9+/]+={0,2}$',
    description: 'Password or token secret, in base64.',
  }),
  fingerprint: Type.Optional(
    Type.String({
      pattern: '^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$',
      description: 'SHA-256 fingerprint of the certificate, hex pairs with colons.',
    }),
  ),
  comment: Type.Optional(schema.comment),
  'use-node-proxy': Type.Optional(Type.Boolean({ description: "Connect through the server's own HTTP proxy." })),
});
export type Remote = Static<typeof remoteSchema>;

export const defaultRemotePort = 8007;
