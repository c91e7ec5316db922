// The fields of encryption-keys.cfg (config-and-tasks.md 2): keys that snapshots are encrypted and decrypted with on
// their way to and from other servers. Browser-safe.

import { type Static, Type } from '../model/type.ts';
import { objectName } from './job-fields.ts';

export const encryptionKeySchema = Type.Object({
  id: objectName('Name of the key.'),
  kdf: Type.String({ pattern: '^(?:none|scrypt|pbkdf2)$', description: 'How the stored key is locked.' }),
  created: Type.Integer({ minimum: 0, description: 'Epoch seconds.' }),
  modified: Type.Integer({ minimum: 0, description: 'Epoch seconds.' }),
  fingerprint: Type.String({
    pattern: '^(?:[0-9a-f]{2}:){31}[0-9a-f]{2}$',
    description: 'Names the key without telling it, hex pairs with colons.',
  }),
  hint: Type.Optional(
    Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]*$', maxLength: 64, description: 'What the key is for.' }),
  ),
  'archived-at': Type.Optional(
    Type.Integer({ minimum: 0, description: 'Since when nothing is encrypted with it any more, epoch seconds.' }),
  ),
});
export type EncryptionKey = Static<typeof encryptionKeySchema>;
