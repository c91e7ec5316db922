// The audit log: what was changed, by whom (src/audit/README.md). The original has no such calls.

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

const text = (description: string) => Type.String({ description });

export const auditEntry = Type.Object({
  seq: Type.Integer({ description: 'Number of the entry.' }),
  time: text('RFC 3339, UTC, with milliseconds.'),
  user: Type.Optional(text('Who: an auth-id.')),
  peer: Type.Optional(text('From where: the address of the other side.')),
  action: text('What: the method of a call, or `task` and the type of the task that ended.'),
  target: Type.Optional(text("The path of a call, the task's worker id.")),
  parameters: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object', description: 'Without secrets.' })),
  result: text('OK, or the text of the error or status.'),
  upid: Type.Optional(schema.upid),
  previous: schema.digestHex,
  hash: schema.digestHex,
});

export const listAudit = defineEndpoint({
  method: 'GET',
  path: 'admin/audit',
  summary: 'List what was changed, newest first.',
  parameters: Type.Object({
    start: Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'Where to begin.' })),
    limit: Type.Optional(Type.Integer({ minimum: 0, default: 50, description: 'How many; 0 is all.' })),
    since: Type.Optional(Type.Integer({ minimum: 0, description: 'At or after, epoch seconds.' })),
    until: Type.Optional(Type.Integer({ minimum: 0, description: 'At or before, epoch seconds.' })),
    userfilter: Type.Optional(text('Part of the auth-id.')),
    match: Type.Optional(text('Part of the action or the target.')),
  }),
  result: Type.Array(auditEntry),
  access: { kind: 'privilege', path: '/system/log', all: ['Sys.Audit'] },
});

const place = Type.Object({ seq: Type.Integer(), time: text('RFC 3339.') });

export const verifyAudit = defineEndpoint({
  method: 'GET',
  path: 'admin/audit/verify',
  summary: 'Check that the audit log is whole and unaltered.',
  parameters: Type.Object({
    head: Type.Optional(
      Type.String({
        pattern: '^[a-f0-9]{64}$',
        description: 'Hash of an earlier head: its entry has to be there still.',
      }),
    ),
  }),
  result: Type.Object({
    entries: Type.Integer(),
    head: Type.Object({ seq: Type.Integer(), hash: schema.digestHex }, { description: 'The last entry.' }),
    intact: Type.Optional(
      Type.Object(
        { first: place, last: place },
        { description: 'From where to where nothing is wrong, beginning with the first entry; absent when that is.' },
      ),
    ),
    problems: Type.Array(Type.String(), { description: 'What is wrong; empty for a log that is whole.' }),
  }),
  access: { kind: 'privilege', path: '/system/log', all: ['Sys.Audit'] },
});
