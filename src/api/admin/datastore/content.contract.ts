// Content of a snapshot: stored and decoded files, catalog, files inside archives, log upload (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

const snapshot = { store: schema.store, ns: Type.Optional(schema.ns), ...parameterSets.snapshot };
const reading = { kind: 'datastore', full: ['Datastore.Read'], owned: ['Datastore.Backup'] } as const;
const filePath = Type.String({ description: 'Base64 of ARCHIVE/PATH; `root` and `/` are the snapshot itself.' });
const archiveName = Type.Optional(schema.fileName);

export const download = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/download',
  summary: 'A file of a snapshot as it is stored.',
  parameters: Type.Object({ ...snapshot, 'file-name': schema.fileName }),
  result: Type.Null(),
  access: reading,
  answer: 'download',
});

export const downloadDecoded = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/download-decoded',
  summary: 'The content of an unencrypted file of a snapshot.',
  parameters: Type.Object({ ...snapshot, 'file-name': schema.fileName }),
  result: Type.Null(),
  access: reading,
  answer: 'download',
});

export const uploadBackupLog = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/upload-backup-log',
  summary: "Store the client's log, a blob, with a snapshot.",
  parameters: Type.Object(snapshot),
  result: Type.Null(),
  access: { kind: 'datastore', full: [], owned: ['Datastore.Backup'] },
  body: 'upload',
});

export const catalog = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/catalog',
  summary: "Entries of one directory of a snapshot's catalog.",
  parameters: Type.Object({ ...snapshot, filepath: filePath, 'archive-name': archiveName }),
  result: Type.Array(
    Type.Object({
      filepath: Type.String({ description: 'Base64, to be given back as it is.' }),
      text: Type.String({ description: 'Name to show.' }),
      type: Type.String({ description: 'd f l h b c p s, or v for an archive.' }),
      leaf: Type.Boolean(),
      size: Type.Optional(Type.Integer()),
      mtime: Type.Optional(Type.Integer()),
    }),
  ),
  access: reading,
});

export const pxarFileDownload = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/pxar-file-download',
  summary: 'A file of an archive; a directory as zip or tar.zst.',
  parameters: Type.Object({
    ...snapshot,
    filepath: filePath,
    'archive-name': archiveName,
    tar: Type.Optional(Type.Boolean({ default: false, description: 'A directory comes as tar.zst.' })),
  }),
  result: Type.Null(),
  access: reading,
  answer: 'download',
});
