// Two snapshots of a group side by side: which files came, went and changed, and how much of their content is shared.

import { defineEndpoint } from '../../../model/endpoint.ts';
import { oneOf, parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

const both = {
  store: schema.store,
  ns: Type.Optional(schema.ns),
  ...parameterSets.snapshot,
  'other-time': Type.Integer({ minimum: 1, description: 'Backup time of the later snapshot, epoch seconds.' }),
};
const access = { kind: 'datastore', full: ['Datastore.Read'], owned: ['Datastore.Backup'] } as const;
const bytes = (description: string) => Type.Integer({ description });
const cursor = Type.String({
  pattern: '^[A-Za-z0-9+/]*={0,2}$',
  maxLength: 16_384,
  description: 'Where the next page begins, as the page before it told.',
});

export const compareSnapshots = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/snapshot-diff',
  summary:
    'Files that two unencrypted snapshots of a group differ in, by their catalogs or metadata archives: contents of ' +
    'equal size and time count as equal.',
  parameters: Type.Object({
    ...both,
    after: Type.Optional(cursor),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 5000, default: 500, description: 'How many differences to answer at most.' }),
    ),
  }),
  result: Type.Object({
    entries: Type.Array(
      Type.Object({
        change: oneOf(['added', 'removed', 'changed']),
        path: Type.String({ description: 'To show: archive or file of the snapshot first.' }),
        filepath: Type.String({ description: 'Base64 of the path, as the catalog has it.' }),
        type: Type.String({ description: 'd f l h b c p s as in the catalog, v for an archive, - for another file.' }),
        size: Type.Optional(bytes('Bytes in the later snapshot.')),
        'size-before': Type.Optional(bytes('Bytes in the earlier one.')),
        mtime: Type.Optional(Type.Integer({ description: 'In the later snapshot, epoch seconds.' })),
        'mtime-before': Type.Optional(Type.Integer({ description: 'In the earlier one.' })),
      }),
      { description: 'Each directory in front of what is in it, names in the order of their bytes.' },
    ),
    next: Type.Optional(cursor),
    unreadable: Type.Array(
      Type.Object({
        filename: Type.String({ description: 'Stored name.' }),
        reason: oneOf(['encrypted', 'no-catalog'], {
          description: 'Only its owner has the key, or neither snapshot has a catalog that lists it.',
        }),
      }),
      { description: 'Archives that cannot be looked into here.' },
    ),
  }),
  access,
});

export const compareChunks = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/snapshot-overlap',
  summary: 'How much of their content two snapshots of a group share, by their chunks; encrypted ones too.',
  parameters: Type.Object(both),
  result: Type.Object({
    'bytes-before': bytes('Bytes of the different chunks of the earlier snapshot, as they are before compression.'),
    bytes: bytes('Likewise of the later one.'),
    'bytes-shared': bytes('Likewise of the chunks that are in both.'),
    chunks: Type.Integer({ description: 'Different chunks of the later snapshot.' }),
    'chunks-before': Type.Integer({ description: 'Likewise of the earlier one.' }),
    'chunks-shared': Type.Integer({ description: 'Chunks that are in both.' }),
  }),
  access,
});
