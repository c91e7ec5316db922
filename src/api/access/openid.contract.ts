// Logins through an OpenID Connect provider (rest-api.md 7.2).

import { realmSchemas } from '../../config/realm-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const redirectUrl = Type.String({
  pattern: '^https?://[^\\s#\\u0000-\\u001f\\u007f]+$',
  maxLength: 1024,
  description: "This server's address, to which the provider sends the browser back.",
});

export const openIdAuthUrl = defineEndpoint({
  method: 'POST',
  path: 'access/openid/auth-url',
  summary: 'Begin a login at an OpenID Connect provider.',
  parameters: Type.Object({ realm: realmSchemas.openid.properties.realm, 'redirect-url': redirectUrl }),
  result: Type.String({ description: "The provider's page." }),
  access: { kind: 'world' },
  audit: false,
  protected: true,
});

export const openIdLogin = defineEndpoint({
  method: 'POST',
  path: 'access/openid/login',
  summary: 'Log in with what an OpenID Connect provider has answered.',
  parameters: Type.Object({
    state: Type.String({
      minLength: 1,
      maxLength: 1024,
      writeOnly: true,
      description: 'As it came back in the address.',
    }),
    code: Type.String({
      minLength: 1,
      maxLength: 4096,
      writeOnly: true,
      description: 'As it came back in the address.',
    }),
    'redirect-url': redirectUrl,
    'http-only': Type.Optional(Type.Boolean({ default: false, description: 'Put the ticket into a cookie only.' })),
  }),
  result: Type.Object({
    username: schema.userId,
    CSRFPreventionToken: Type.String(),
    ticket: Type.Optional(Type.String()),
    'ticket-info': Type.Optional(Type.String()),
  }),
  access: { kind: 'world' },
  audit: false,
  protected: true,
});
