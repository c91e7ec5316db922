// Time and time zone of the machine (rest-api.md 7.6).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;

export const nodeTime = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/time',
  summary: 'Time and time zone.',
  parameters: Type.Object({ node }),
  result: Type.Object({
    timezone: Type.String(),
    time: Type.Integer({ description: 'Epoch seconds.' }),
    localtime: Type.Integer({ description: 'Epoch seconds plus the offset of the time zone.' }),
  }),
  access: { kind: 'any' },
});

export const setNodeTime = defineEndpoint({
  method: 'PUT',
  path: 'nodes/{node}/time',
  summary: 'Set the time zone. Processes that run keep theirs until they are started anew.',
  parameters: Type.Object({
    node,
    timezone: Type.String({
      pattern: '^[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+.-]+)*$',
      maxLength: 64,
      description: 'Time zone, like Europe/Vienna.',
    }),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/system/time', all: ['Sys.Modify'] },
  protected: true,
});
