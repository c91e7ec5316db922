// Worker tasks: list, status, log, stop (rest-api.md 7.6).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { taskItem } from '../shapes.contract.ts';

const { node } = schema;
const oneTask = { node, upid: schema.upid };
const start = Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'Where to begin.' }));
const limit = Type.Optional(Type.Integer({ minimum: 0, default: 50, description: 'How many; 0 is all.' }));
const flag = (description: string) => Type.Optional(Type.Boolean({ default: false, description }));
const part = (description: string) => Type.Optional(Type.String({ description }));
const time = (description: string) => Type.Optional(Type.Integer({ description }));

export const listTasks = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/tasks',
  summary: 'List tasks, newest first.',
  parameters: Type.Object({
    node,
    start,
    limit,
    store: Type.Optional(schema.store),
    running: flag('Only running ones.'),
    errors: flag('Without those that ended well.'),
    userfilter: part('Part of the user.'),
    typefilter: part('Part of the type.'),
    types: Type.Optional(Type.Array(Type.String({ description: 'Type.' }), { description: 'Of exactly these types.' })),
    match: part('Part of the type, the worker id, the user, or of how it ended; any case.'),
    since: time('Started at or after, epoch seconds.'),
    until: time('Started at or before, epoch seconds.'),
    statusfilter: Type.Optional(
      Type.Array(
        Type.Union([Type.Literal('ok'), Type.Literal('warning'), Type.Literal('error'), Type.Literal('unknown')]),
        { description: 'Ended in one of these ways.' },
      ),
    ),
    'status-class': Type.Optional(
      Type.Boolean({
        description:
          'Put the class of the end into status, and its text into status-text; the default is api-guide-status of the server.',
      }),
    ),
  }),
  result: Type.Array(taskItem),
  access: { kind: 'any' },
});

export const countTasks = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/task-counts',
  summary: 'How the tasks of the last hours ended, as numbers (Granary only).',
  parameters: Type.Object({
    node,
    hours: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 24 * 366, default: 24, description: 'How far back tasks may have started.' }),
    ),
  }),
  result: Type.Object({
    since: Type.Integer({ description: 'Start of the time, epoch seconds.' }),
    running: Type.Integer(),
    ok: Type.Integer(),
    warning: Type.Integer(),
    error: Type.Integer(),
    unknown: Type.Integer({ description: 'Those whose process died.' }),
  }),
  access: { kind: 'any' },
});

export const taskStatus = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/tasks/{upid}/status',
  summary: 'Status of a task.',
  parameters: Type.Object(oneTask),
  result: Type.Object({
    upid: schema.upid,
    node: Type.String(),
    pid: Type.Integer(),
    pstart: Type.Integer(),
    starttime: Type.Integer(),
    type: Type.String(),
    id: Type.Union([Type.String(), Type.Null()]),
    user: Type.String(),
    tokenid: Type.Optional(Type.String()),
    status: Type.Union([Type.Literal('running'), Type.Literal('stopped')]),
    exitstatus: Type.Optional(Type.String()),
    endtime: Type.Optional(Type.Integer()),
  }),
  access: { kind: 'inside', note: 'Own tasks, Sys.Audit on /system/tasks, or the right to see the job.' },
});

export const taskLog = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/tasks/{upid}/log',
  summary: 'Lines of the log of a task.',
  parameters: Type.Object({
    ...oneTask,
    start,
    limit,
    download: flag('The whole log as a text file.'),
    'test-status': flag('Tell whether the task runs.'),
  }),
  result: Type.Array(Type.Object({ n: Type.Integer(), t: Type.String() })),
  access: { kind: 'inside', note: 'Own tasks, Sys.Audit on /system/tasks, or the right to see the job.' },
  answer: 'download',
});

export const stopTask = defineEndpoint({
  method: 'DELETE',
  path: 'nodes/{node}/tasks/{upid}',
  summary: 'Ask a task to stop.',
  parameters: Type.Object(oneTask),
  result: Type.Null(),
  access: { kind: 'inside', note: 'Own tasks, or Sys.Modify on /system/tasks.' },
});
