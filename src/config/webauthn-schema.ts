// How the server presents itself to security keys: the `webauthn` part of tfa.json (access-control.md 9, rest-api.md
// 7.5). Browser-safe.

import { type Static, Type } from '../model/type.ts';

export const webauthnSchema = Type.Object({
  rp: Type.Optional(
    Type.String({
      pattern: '^[^\\u0000-\\u001f\\u007f]*$',
      minLength: 1,
      maxLength: 64,
      description: 'Name of the relying party, as authenticators show it.',
    }),
  ),
  origin: Type.Optional(
    Type.String({
      pattern: '^(?:https://[^\\s/?#@\\u0000-\\u001f]+|http://localhost(?::[0-9]+)?)/?$',
      maxLength: 512,
      description: 'Address of the web interface: https://HOST[:PORT].',
    }),
  ),
  id: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$',
      maxLength: 253,
      description: 'Relying party id: the domain without protocol and port. Another one makes existing keys useless.',
    }),
  ),
  'allow-subdomains': Type.Optional(
    Type.Boolean({ description: 'Whether subdomains of the origin are accepted, too. Default true.' }),
  ),
});
export type WebauthnConfig = Static<typeof webauthnSchema>;
