// The backup session's vocabulary: the upgrade request and every call inside the session (backup-protocol.md 2 and 5).
// Browser-safe declarations; the state machine is in session.ts.

import { defineEndpoint } from '../model/endpoint.ts';
import { maxBlobSize, maxChunkSize } from '../model/names.ts';
import { parameterSets, schema } from '../model/schema.ts';
import { type TObject, Type } from '../model/type.ts';

export const backupProtocol = 'proxmox-backup-protocol-v1';
export const readerProtocol = 'proxmox-backup-reader-protocol-v1';

const sessionParameters = {
  store: schema.store,
  ns: Type.Optional(schema.ns),
  ...parameterSets.snapshot,
  debug: Type.Optional(Type.Boolean({ default: false, description: 'Verbose lines in the task log.' })),
};

export const backupUpgrade = defineEndpoint({
  method: 'GET',
  path: 'backup',
  summary: 'Upgrade the connection to a backup session.',
  parameters: Type.Object({
    ...sessionParameters,
    benchmark: Type.Optional(Type.Boolean({ default: false, description: 'Only with host/benchmark.' })),
    'no-cache': Type.Optional(Type.Boolean({ default: false, description: 'Bypass a local cache of the store.' })),
  }),
  result: Type.Null(),
  access: { kind: 'inside', note: 'Datastore.Backup on /datastore/{store}/{ns}, and ownership of the group.' },
});

export const readerUpgrade = defineEndpoint({
  method: 'GET',
  path: 'reader',
  summary: 'Upgrade the connection to a reader session.',
  parameters: Type.Object(sessionParameters),
  result: Type.Null(),
  access: {
    kind: 'inside',
    note: 'Datastore.Read, or Datastore.Backup and ownership, on /datastore/{store}/{ns}.',
  },
});

const writerId = Type.Integer({ minimum: 1, maximum: 256, description: 'Writer id of this session.' });
const checksum = Type.String({ pattern: '^[A-Fa-f0-9]{64}$', description: 'Index checksum, hex.' });
const archiveName = schema.fileName;

const chunk = Type.Object({
  wid: writerId,
  digest: schema.digestHex,
  size: Type.Integer({ minimum: 1, maximum: maxChunkSize, description: 'Decoded length.' }),
  'encoded-size': Type.Integer({ minimum: 13, maximum: maxBlobSize, description: 'Length of the body.' }),
});
const append = Type.Object({
  wid: writerId,
  'digest-list': Type.Array(schema.digestHex),
  'offset-list': Type.Array(Type.Integer({ minimum: 0 })),
});
const close = (minimum: number) =>
  Type.Object({
    wid: writerId,
    'chunk-count': Type.Integer({ minimum }),
    size: Type.Integer({ minimum }),
    csum: checksum,
  });

/** Parameters of every call inside a backup session, by `METHOD name`. */
export const backupCalls = {
  'GET previous_backup_time': Type.Object({}),
  'GET previous': Type.Object({ 'archive-name': archiveName }),
  'POST blob': Type.Object({
    'file-name': schema.fileName,
    'encoded-size': Type.Integer({ minimum: 12, maximum: maxBlobSize, description: 'Length of the body.' }),
  }),
  'POST dynamic_index': Type.Object({ 'archive-name': archiveName }),
  'PUT dynamic_index': append,
  'POST dynamic_chunk': chunk,
  'POST dynamic_close': close(1),
  'POST fixed_index': Type.Object({
    'archive-name': archiveName,
    size: Type.Optional(Type.Integer({ minimum: 1, description: 'Content bytes; absent when not known yet.' })),
    'reuse-csum': Type.Optional(checksum),
  }),
  'PUT fixed_index': append,
  'POST fixed_chunk': chunk,
  'POST fixed_close': close(0),
  'POST speedtest': Type.Object({}),
  'POST finish': Type.Object({}),
} satisfies Record<string, TObject>;
export type BackupCall = keyof typeof backupCalls;

/** Parameters of every call inside a reader session. */
export const readerCalls = {
  'GET download': Type.Object({ 'file-name': schema.fileName }),
  'GET chunk': Type.Object({ digest: schema.digestHex }),
  'GET speedtest': Type.Object({}),
} satisfies Record<string, TObject>;
export type ReaderCall = keyof typeof readerCalls;

/** Calls whose body is raw bytes and whose parameters therefore come from the query only. */
export const rawBodyCalls: ReadonlySet<string> = new Set([
  'POST blob',
  'POST dynamic_chunk',
  'POST fixed_chunk',
  'POST speedtest',
]);
