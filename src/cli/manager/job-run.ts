// Running jobs by hand (cli.md 5): `prune-job run`, `verify-job run`.

import { type Command, defineCommand } from '../framework/command.ts';
import { option } from '../framework/options.ts';
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
