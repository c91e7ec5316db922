// Object types that several endpoints answer (rest-api.md 8).

import { oneOf, schema } from '../model/schema.ts';
import { Type } from '../model/type.ts';

const count = (description: string) => Type.Integer({ description });

/** Asks a listing for what each of its objects takes: not by default, as clients of the original do not know it. */
export const withUsage = Type.Optional(
  Type.Boolean({ default: false, description: 'Tell the bytes on disk of each, where they are known.' }),
);

/** What it takes on disk, if that was asked for and is known (admin/datastore/{store}/accounting). */
const usage = {
  'unique-bytes': Type.Optional(count('Bytes on disk that nothing else needs: what its removal frees.')),
  'shared-bytes': Type.Optional(count('Bytes on disk that it needs, and others need too.')),
};

/** One file of a snapshot. `size` and `crypt-mode` are absent for files that the manifest does not list. */
export const fileItem = Type.Object({
  filename: Type.String({ description: 'Stored name.' }),
  'crypt-mode': Type.Optional(schema.cryptMode),
  size: Type.Optional(count('Bytes of content, or of the blob.')),
});

export const snapshotItem = Type.Object({
  'backup-type': schema.backupType,
  'backup-id': schema.backupId,
  'backup-time': schema.backupTime,
  comment: Type.Optional(Type.String({ description: 'First line of the notes.' })),
  verification: Type.Optional(
    Type.Object({
      upid: Type.String(),
      state: Type.Union([Type.Literal('ok'), Type.Literal('failed')]),
    }),
  ),
  fingerprint: Type.Optional(Type.String({ description: 'Fingerprint of the encryption key.' })),
  files: Type.Array(fileItem),
  size: Type.Optional(count('Sum of the known sizes; absent while the backup runs.')),
  owner: Type.Optional(schema.authId),
  protected: Type.Boolean(),
  ...usage,
});

export const groupItem = Type.Object({
  'backup-type': schema.backupType,
  'backup-id': schema.backupId,
  'last-backup': count('Time of the newest snapshot, epoch seconds.'),
  'backup-count': count('Number of snapshots.'),
  files: Type.Array(Type.String(), { description: 'Stored names of the newest snapshot.' }),
  owner: Type.Optional(schema.authId),
  comment: Type.Optional(Type.String({ description: 'First line of the notes.' })),
  ...usage,
});

export const gcStatus = Type.Object({
  upid: Type.Optional(Type.String()),
  'index-file-count': count('Index files that were read.'),
  'index-data-bytes': count('Bytes that all indexes refer to.'),
  'disk-bytes': count('Bytes of all chunks.'),
  'disk-chunks': count('Number of chunks.'),
  'removed-bytes': count('Bytes removed.'),
  'removed-chunks': count('Chunks removed.'),
  'pending-bytes': count('Bytes that wait for the next run.'),
  'pending-chunks': count('Chunks that wait for the next run.'),
  'removed-bad': count('Bad chunks removed.'),
  'still-bad': count('Bad chunks left.'),
});

const counts = Type.Object({ groups: count('Groups.'), snapshots: count('Snapshots.') });

/** Groups and snapshots by type; types without groups are absent. */
export const backupCounts = Type.Object({
  ct: Type.Optional(counts),
  host: Type.Optional(counts),
  vm: Type.Optional(counts),
});

/** What keeps a user's second factors from being accepted; absent when nothing does. */
export const tfaLocks = {
  'totp-locked': Type.Optional(Type.Literal(true, { description: 'Too many wrong one-time codes.' })),
  'tfa-locked-until': Type.Optional(count('No second factor is accepted until then, epoch seconds.')),
};

export const taskItem = Type.Object({
  upid: schema.upid,
  node: Type.String({ description: 'Always localhost.' }),
  pid: Type.Integer(),
  pstart: Type.Integer(),
  starttime: count('Epoch seconds.'),
  worker_type: Type.String(),
  worker_id: Type.Union([Type.String(), Type.Null()]),
  user: schema.authId,
  endtime: Type.Optional(count('Epoch seconds; absent while it runs.')),
  status: Type.Optional(Type.String({ description: 'OK, WARNINGS: N, unknown, or the text of the error.' })),
  state: Type.String({ description: 'running, ok, warning, error or unknown.' }),
  'status-text': Type.Optional(Type.String({ description: 'The text, when status holds the class.' })),
});

export const pruneItem = Type.Object({
  'backup-type': schema.backupType,
  'backup-id': schema.backupId,
  'backup-time': schema.backupTime,
  keep: Type.Boolean(),
  protected: Type.Boolean(),
  mark: oneOf(['keep', 'keep-partial', 'protected', 'remove'], { description: 'What was decided.' }),
  reason: Type.String({ description: 'Why, for people: the rule with its hour, day, week, month or year.' }),
  'freed-bytes': Type.Optional(
    count(
      'In a dry run: bytes on disk that this removal frees, after garbage collection and with those listed before it ' +
        'gone. So the sum is what all of them free. Absent when unknown.',
    ),
  ),
  ns: Type.Optional(Type.String()),
});
