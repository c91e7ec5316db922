// The field's value types as JSON Schema values (rest-api.md 9). Browser-safe.
// Texts of violations are made by wire/parameters from the keywords used here.

import { backupTypes, cryptModes, lastBackupTime, safeIdPattern } from './names.ts';
import { type TProperties, type TSchema, type TSchemaOptions, Type } from './type.ts';

const safeId = safeIdPattern.source;

/** An enumeration of texts. */
export function oneOf<T extends string>(values: readonly T[], options: TSchemaOptions = {}) {
  return Type.Unsafe<T>(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      options,
    ),
  );
}

export const schema = {
  store: Type.String({ pattern: safeId, minLength: 3, maxLength: 32, description: 'Datastore name.' }),
  ns: Type.String({
    pattern: `^$|^(?:[A-Za-z0-9_][A-Za-z0-9._-]*/){0,6}[A-Za-z0-9_][A-Za-z0-9._-]*$`,
    maxLength: 256,
    description: 'Namespace; empty is the root.',
  }),
  backupType: oneOf(backupTypes, { description: 'Backup type.' }),
  backupId: Type.String({ pattern: safeId, description: 'Backup id.' }),
  backupTime: Type.Integer({ minimum: 1, maximum: lastBackupTime, description: 'Backup time, epoch seconds.' }),
  fileName: Type.String({ pattern: safeId, description: 'Stored file name with extension.' }),
  authId: Type.String({
    pattern: '^[^\\s:/\\u0000-\\u001f]+@[A-Za-z0-9_][A-Za-z0-9._-]*(?:![A-Za-z0-9_][A-Za-z0-9._-]*)?$',
    maxLength: 129,
    description: 'user@realm or user@realm!token.',
  }),
  userId: Type.String({
    pattern: '^[^\\s:/\\u0000-\\u001f]+@[A-Za-z0-9_][A-Za-z0-9._-]{1,31}$',
    minLength: 3,
    maxLength: 64,
    description: 'user@realm.',
  }),
  tokenName: Type.String({ pattern: safeId, minLength: 1, maxLength: 64, description: 'API token name.' }),
  digestHex: Type.String({ pattern: '^[a-f0-9]{64}$', description: 'SHA-256 digest, lower-case hex.' }),
  configDigest: Type.String({
    pattern: '^[a-f0-9]{64}$',
    description: 'Digest of the configuration file the change is based on.',
  }),
  cryptMode: oneOf(cryptModes, { description: 'Crypt mode.' }),
  comment: Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]*$',
    maxLength: 128,
    description: 'Comment, a single line.',
  }),
  node: Type.String({
    pattern: '^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$',
    maxLength: 255,
    description: 'localhost or the name of the host.',
  }),
  upid: Type.String({ minLength: 36, maxLength: 512, description: 'Task identifier.' }),
  keep: Type.Integer({ minimum: 1, description: 'How many to keep.' }),
} satisfies Record<string, TSchema>;

/** Parameter sets that many endpoints share. */
export const parameterSets = {
  group: { 'backup-type': schema.backupType, 'backup-id': schema.backupId },
  snapshot: { 'backup-type': schema.backupType, 'backup-id': schema.backupId, 'backup-time': schema.backupTime },
  keep: {
    'keep-last': Type.Optional(schema.keep),
    'keep-hourly': Type.Optional(schema.keep),
    'keep-daily': Type.Optional(schema.keep),
    'keep-weekly': Type.Optional(schema.keep),
    'keep-monthly': Type.Optional(schema.keep),
    'keep-yearly': Type.Optional(schema.keep),
  },
} satisfies Record<string, TProperties>;
