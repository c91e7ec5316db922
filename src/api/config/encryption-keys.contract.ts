// Keys that snapshots are encrypted and decrypted with on their way (rest-api.md 7.5).

import { encryptionKeySchema } from '../../config/encryption-key-schema.ts';
import { type Access, defineEndpoint } from '../../model/endpoint.ts';
import { Type } from '../../model/type.ts';

const path = 'config/encryption-keys';
const { id } = encryptionKeySchema.properties;
const modify: Access = { kind: 'privilege', path: '/system/encryption-keys/{id}', all: ['Sys.Modify'] };

export const listEncryptionKeys = defineEndpoint({
  method: 'GET',
  path,
  summary: 'List the keys of synchronisation.',
  parameters: Type.Object({
    'include-archived': Type.Optional(Type.Boolean({ default: false, description: 'Also archived ones.' })),
  }),
  result: Type.Array(
    Type.Object({ ...encryptionKeySchema.properties, path: Type.Optional(Type.String({ description: 'File.' })) }),
  ),
  access: { kind: 'any' },
});

export const createEncryptionKey = defineEndpoint({
  method: 'POST',
  path,
  summary: 'Make a key for synchronisation, or take one over.',
  parameters: Type.Object({
    id,
    key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        writeOnly: true,
        description: 'A key file without passphrase; a new key is made when absent.',
      }),
    ),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/system/encryption-keys', all: ['Sys.Modify'] },
  protected: true,
});

export const toggleEncryptionKey = defineEndpoint({
  method: 'POST',
  path: `${path}/{id}`,
  summary: 'Archive a key, so that nothing more is encrypted with it; or take an archived one back.',
  parameters: Type.Object({ id }),
  result: Type.Null(),
  access: modify,
  protected: true,
});

export const removeEncryptionKey = defineEndpoint({
  method: 'DELETE',
  path: `${path}/{id}`,
  summary: 'Remove an archived key that no job uses.',
  parameters: Type.Object({ id }),
  result: Type.Null(),
  access: modify,
  protected: true,
});
