// A push by hand (cli.md 5).

import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import {
  completeDatastore,
  completeNames,
  completeNamespace,
  completeRemote,
  completeRemoteStore,
} from './complete.ts';
import { openLocalServer } from './local-server.ts';
import { ratesInMebibytes } from './rates.ts';
import { syncRunOptions } from './sync-jobs.ts';

const name = (description: string, valueName: string) =>
  option.text(description, { minLength: 3, maxLength: 32, valueName });
const { 'resync-corrupt': _, ...pushOptions } = syncRunOptions;

export const push = defineCommand({
  summary: 'Copy snapshots of a datastore here to another server, and follow the log.',
  positional: ['store', 'remote', 'remote-store'],
  options: {
    store: name('Datastore here.', 'store'),
    remote: name('Remote.', 'remote'),
    'remote-store': name('Datastore of the remote.', 'remote-store'),
    ...pushOptions,
    'encryption-key': optional(name('Key that snapshots are encrypted with on the way.', 'id')),
    ...outputOption,
  },
  complete: {
    store: completeDatastore,
    ns: completeNamespace,
    remote: completeRemote,
    'remote-store': completeRemoteStore,
    'encryption-key': completeNames('config/encryption-keys', 'id'),
  },
  examples: ['push ds1 offsite-pbs offsite-ds1 --transfer-last 3'],
  async run({ 'output-format': format, ...parameters }, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('POST', 'push', ratesInMebibytes(parameters))) as string;
    await followTask(server, upid, terminal, outputFormat({ 'output-format': format }, terminal));
  },
});
