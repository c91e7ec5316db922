// Commands about tasks on the server: list, log, stop (cli.md 4).

import { userOf } from '../../model/auth-id.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson } from '../framework/output.ts';
import { printTaskLog, stopTask } from '../task-log.ts';
import { printTasks, type TaskEntry } from '../task-table.ts';
import { repositoryCompleters } from './complete.ts';
import { openTarget, repositoryOptions } from './repository-options.ts';

const upid = option.text('Task identifier.', { minLength: 36, valueName: 'upid' });

export const list = defineCommand({
  summary: 'List your tasks for the datastore; only running ones unless --all is given.',
  options: {
    limit: optional(option.integer('How many at most.', { minimum: 1, maximum: 1000, default: 50 })),
    all: optional(option.flag('Also finished tasks.')),
    ...repositoryOptions,
    ...outputOption,
  },
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const tasks = (await target.connection.call('GET', 'nodes/localhost/tasks', {
      limit: values.limit,
      start: 0,
      running: values.all ? undefined : true,
      userfilter: userOf(target.repository.authId),
      store: target.repository.store,
    })) as TaskEntry[];
    if (!printJson(terminal, outputFormat(values, terminal), tasks)) printTasks(terminal, tasks);
  },
});

export const log = defineCommand({
  summary: 'Show the log of a task, as it grows.',
  positional: ['upid'],
  options: { upid, ...repositoryOptions },
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    await printTaskLog(target.connection, values.upid, terminal);
  },
});

export const stop = defineCommand({
  summary: 'Ask the server to stop a task.',
  positional: ['upid'],
  options: { upid, ...repositoryOptions },
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    await stopTask(target.connection, values.upid);
  },
});
