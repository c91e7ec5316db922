// Synchronizing a realm with its directory (rest-api.md 7.2).

import { realmSchemas, removeVanished } from '../../config/realm-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

export const syncDomain = defineEndpoint({
  method: 'POST',
  path: 'access/domains/{realm}/sync',
  summary: 'Take over the users of a directory, in a task.',
  parameters: Type.Object({
    realm: realmSchemas.ldap.properties.realm,
    'dry-run': Type.Optional(Type.Boolean({ default: false, description: 'Only say what would be changed.' })),
    'remove-vanished': Type.Optional(removeVanished),
    'enable-new': Type.Optional(Type.Boolean({ description: 'Whether new users may log in. Default true.' })),
  }),
  result: schema.upid,
  access: { kind: 'privilege', path: '/access/users', all: ['Permissions.Modify'] },
  protected: true,
});
