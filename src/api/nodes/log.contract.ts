// The log of the machine (rest-api.md 7.6).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const access = { kind: 'privilege', path: '/system/log', all: ['Sys.Audit'] } as const;
const epoch = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));
const cursor = (description: string) =>
  Type.Optional(Type.String({ pattern: '^[A-Za-z0-9=;:_-]+$', maxLength: 512, description }));
const time = (description: string) =>
  Type.Optional(Type.String({ pattern: '^[A-Za-z0-9:+. @-]+$', maxLength: 64, description }));

export const nodeJournal = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/journal',
  summary: 'Lines of the journal; the first and the last element are cursors.',
  parameters: Type.Object({
    node,
    since: epoch('From here on, epoch seconds.'),
    until: epoch('Up to here, epoch seconds.'),
    lastentries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100000, description: 'The newest so many.' })),
    startcursor: cursor('From this cursor on.'),
    endcursor: cursor('Up to this cursor.'),
  }),
  result: Type.Array(Type.String()),
  access,
  protected: true,
});

export const nodeSyslog = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/syslog',
  summary: 'Lines of the log of the machine.',
  parameters: Type.Object({
    node,
    start: Type.Optional(Type.Integer({ minimum: 0, description: 'Number of the first line.' })),
    limit: Type.Optional(Type.Integer({ minimum: 0, description: 'How many; 0 is all.' })),
    since: time('From here on, a time as systemd understands it.'),
    until: time('Up to here.'),
    service: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9_@.:-]+$', maxLength: 128, description: 'Lines of this service only.' }),
    ),
  }),
  result: Type.Array(Type.Object({ n: Type.Integer({ description: 'Number from 1.' }), t: Type.String() })),
  access,
  protected: true,
});
