// Running jobs by hand (cli.md 5): `prune-job run`, `verify-job run`; and what a prune job would do.

import { GranaryError } from '../../base/errors.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeNames } from './complete.ts';
import { openLocalServer } from './local-server.ts';

/** The `run` command of jobs of a kind; `path` is where the API has them: `prune`. */
export function runCommand(what: string, path: string): Command {
  return defineCommand({
    summary: `Run a ${what} now, and follow its log.`,
    positional: ['id'],
    options: { id: option.text(`Name of the ${what}.`, { minLength: 3, maxLength: 32 }), ...outputOption },
    complete: { id: completeNames(`config/${path}`, 'id') },
    async run(values, terminal) {
      await using server = await openLocalServer(terminal);
      const upid = (await server.call('POST', `admin/${path}/${encodeURIComponent(values.id)}/run`)) as string;
      await followTask(server, upid, terminal, outputFormat(values, terminal));
    },
  });
}

/** `prune-job run`; its dry run prunes the job's datastore with the job's options, and is no run of the job. */
export const runPruneJob = defineCommand({
  summary: 'Run a prune job now, and follow its log.',
  positional: ['id'],
  options: {
    id: option.text('Name of the prune job.', { minLength: 3, maxLength: 32 }),
    'dry-run': optional(option.flag('Only show what would be removed, and why.')),
    ...outputOption,
  },
  complete: { id: completeNames('config/prune', 'id') },
  examples: ['prune-job run default-ds1 --dry-run'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const run = async (): Promise<unknown> => {
      if (!values['dry-run']) return server.call('POST', `admin/prune/${encodeURIComponent(values.id)}/run`);
      const jobs = (await server.call('GET', 'admin/prune')) as Record<string, unknown>[];
      const job = jobs.find(({ id }) => id === values.id);
      if (!job) throw new GranaryError('bad-request', `no such prune '${values.id}'`);
      const options = Object.entries(job).filter(([name]) => /^(ns|max-depth|keep-.*)$/.test(name));
      const path = `admin/datastore/${encodeURIComponent(String(job['store']))}/prune-datastore`;
      return server.call('POST', path, { ...Object.fromEntries(options), 'dry-run': true });
    };
    await followTask(server, String(await run()), terminal, outputFormat(values, terminal));
  },
});
