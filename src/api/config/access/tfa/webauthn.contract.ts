// How the server presents itself to security keys (rest-api.md 7.5).

import { webauthnSchema } from '../../../../config/webauthn-schema.ts';
import { defineEndpoint } from '../../../../model/endpoint.ts';
import { oneOf, schema } from '../../../../model/schema.ts';
import { Type } from '../../../../model/type.ts';

export const getWebauthnConfig = defineEndpoint({
  method: 'GET',
  path: 'config/access/tfa/webauthn',
  summary: 'Read how the server presents itself to security keys.',
  parameters: Type.Object({}),
  result: webauthnSchema,
  access: { kind: 'any' },
  protected: true,
});

export const updateWebauthnConfig = defineEndpoint({
  method: 'PUT',
  path: 'config/access/tfa/webauthn',
  summary: 'Change how the server presents itself to security keys.',
  parameters: Type.Object({
    ...webauthnSchema.properties,
    delete: Type.Optional(Type.Array(oneOf(['origin', 'allow-subdomains']), { description: 'Properties to remove.' })),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/access/domains', all: ['Permissions.Modify'] },
  protected: true,
});
