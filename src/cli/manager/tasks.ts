// Commands about tasks (cli.md 5, 12).

import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson } from '../framework/output.ts';
import { printTaskLog, stopTask } from '../task-log.ts';
import { printTasks, type TaskEntry } from '../task-table.ts';
import { parseTimeOption } from '../time-option.ts';
import { completeDatastore, completeUser } from './complete.ts';
import { openLocalServer } from './local-server.ts';

const upid = option.text('Task identifier.', { minLength: 36, valueName: 'upid' });

const filters = {
  typefilter: optional(option.text('Part of the type of task.')),
  store: optional(option.text('Only tasks of this datastore.')),
  userfilter: optional(option.text('Part of the user.')),
  since: optional(option.text('Started at or after: epoch seconds, or a date.', { valueName: 'time' })),
  until: optional(option.text('Started at or before.', { valueName: 'time' })),
  statusfilter: optional(
    option.list(option.choice(['ok', 'warning', 'error', 'unknown'], 'How it ended.'), 'Only tasks that ended so.'),
  ),
};

export const list = defineCommand({
  summary: 'List tasks; only running ones unless --all, --limit or a filter is given.',
  options: {
    limit: optional(option.integer('How many at most, the newest. The default is 50.', { minimum: 1, maximum: 1000 })),
    all: optional(option.flag('Also finished tasks.')),
    running: optional(option.flag('Only running tasks.')),
    ...filters,
    ...outputOption,
  },
  complete: { store: completeDatastore, userfilter: completeUser },
  async run(values, terminal) {
    const { limit, all, running, since, until, 'output-format': _format, ...rest } = values;
    const filtered = [since, until, limit, ...Object.values(rest)].some((value) => value !== undefined);
    const parameters = {
      ...rest,
      since: parseTimeOption('since', since),
      until: parseTimeOption('until', until),
      limit: limit ?? 50,
      start: 0,
      running: running || !(all || filtered) ? true : undefined,
    };
    await using server = await openLocalServer(terminal);
    const tasks = (await server.call('GET', 'nodes/localhost/tasks', parameters)) as TaskEntry[];
    if (!printJson(terminal, outputFormat(values, terminal), tasks)) printTasks(terminal, tasks);
  },
});

export const log = defineCommand({
  summary: 'Show the log of a task, as it grows.',
  positional: ['upid'],
  options: { upid },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await printTaskLog(server, values.upid, terminal);
  },
});

export const stop = defineCommand({
  summary: 'Ask a task to stop.',
  positional: ['upid'],
  options: { upid },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await stopTask(server, values.upid);
  },
});
