// Verification of a whole datastore by hand (cli.md 5).

import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeDatastore } from './complete.ts';
import { openLocalServer } from './local-server.ts';

const threads = (what: string) => optional(option.integer(what, { minimum: 1, maximum: 32 }));

export const verify = defineCommand({
  summary: 'Verify the snapshots of a datastore, and follow the log.',
  positional: ['store'],
  options: {
    store: option.text('Datastore.', { minLength: 3, maxLength: 32, valueName: 'store' }),
    'ignore-verified': optional(option.flag('Leave out what was verified and is not outdated.', { default: true })),
    'outdated-after': optional(option.integer('Days after which a verification is done again.', { minimum: 0 })),
    'read-threads': threads('Chunks read at the same time.'),
    'verify-threads': threads('Chunks verified at the same time.'),
    ...outputOption,
  },
  complete: { store: completeDatastore },
  examples: ['verify ds1 --outdated-after 30'],
  async run({ store, 'output-format': format, ...parameters }, terminal) {
    await using server = await openLocalServer(terminal);
    const path = `admin/datastore/${encodeURIComponent(store)}/verify`;
    const upid = (await server.call('POST', path, parameters)) as string;
    await followTask(server, upid, terminal, outputFormat({ 'output-format': format }, terminal));
  },
});
