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
      mode: Type.Optional(Type.Integer({ description: 'As st_mode; of split archives, which have no catalog.' })),
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

export const selectionDownload = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/selection-download',
  summary: 'Several files and directories of the archives of a snapshot in one zip or tar.zst.',
  parameters: Type.Object({
    ...snapshot,
    selection: Type.Array(filePath, { minItems: 1, maxItems: 1000 }),
    tar: Type.Optional(Type.Boolean({ default: false, description: 'A tar.zst instead of a zip.' })),
  }),
  result: Type.Null(),
  access: reading,
  audit: false,
  answer: 'download',
});

export const pxarEntry = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/pxar-entry',
  summary: 'All that an archive says about one file or directory.',
  parameters: Type.Object({ ...snapshot, filepath: filePath }),
  result: Type.Object({
    type: Type.String({ description: 'd f l h b c p s, as in a catalog.' }),
    mode: Type.Integer({ description: 'As st_mode, type bits included.' }),
    uid: Type.Integer(),
    gid: Type.Integer(),
    mtime: Type.Number({ description: 'Epoch seconds with fraction.' }),
    size: Type.Optional(Type.Integer()),
    target: Type.Optional(Type.String({ description: 'Of a symlink or hard link.' })),
    device: Type.Optional(Type.String({ description: 'MAJOR:MINOR.' })),
    xattrs: Type.Array(Type.String({ description: 'Name of an extended attribute.' })),
    acl: Type.Boolean({ description: 'Whether there is an ACL beyond the mode.' }),
  }),
  access: reading,
});

export const storedChunk = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/stored-chunk',
  summary: "One chunk of a snapshot's file as it is stored, by its position in the index.",
  parameters: Type.Object({
    ...snapshot,
    'file-name': schema.fileName,
    position: Type.Integer({ minimum: 0, description: 'From 0 on, in the order of the content.' }),
  }),
  result: Type.Null(),
  access: reading,
  answer: 'download',
});

export const searchFiles = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/search-files',
  summary: 'Find files by name in one snapshot or in all of a group, as lines of JSON (`SearchLine`), newest first.',
  parameters: Type.Object({
    store: schema.store,
    ns: Type.Optional(schema.ns),
    ...parameterSets.group,
    'backup-time': Type.Optional(schema.backupTime),
    pattern: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'A part of the name, or with * and ? the whole of it; upper and lower case are the same.',
    }),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 10_000, description: 'Most matches.' })),
  }),
  result: Type.Null(),
  access: reading,
  answer: 'download',
});

/** What is found, one line of JSON after the other. */
export type SearchLine =
  | {
      kind: 'match';
      'backup-time': number;
      /** As in the catalog's answers. */
      filepath: string;
      /** The same for people; what is not UTF-8 has substitutes. */
      path: string;
      type: string;
      size?: number;
      mtime?: number;
    }
  /** A snapshot was gone through. */
  | { kind: 'searched'; 'backup-time': number; files: number }
  /** A snapshot could not be gone through. */
  | { kind: 'skipped'; 'backup-time': number; reason: 'encrypted' | 'no-files' | 'failed'; error?: string }
  /** The last line: whether the limit was reached. */
  | { kind: 'end'; truncated: boolean };
