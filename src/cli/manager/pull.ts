// A pull by hand (cli.md 5).

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

export const pull = defineCommand({
  summary: 'Copy snapshots of another server to a datastore of this one, and follow the log.',
  positional: ['remote', 'remote-store', 'store'],
  options: {
    remote: name('Remote.', 'remote'),
    'remote-store': name('Datastore of the remote.', 'remote-store'),
    store: name('Datastore here.', 'store'),
    ...syncRunOptions,
    'decryption-keys': optional(
      option.list(name('Key.', 'id'), 'Keys that snapshots which they encrypt are decrypted with on the way.'),
    ),
    ...outputOption,
  },
  complete: {
    store: completeDatastore,
    ns: completeNamespace,
    remote: completeRemote,
    'remote-store': completeRemoteStore,
    'decryption-keys': completeNames('config/encryption-keys?include-archived=1', 'id'),
  },
  examples: ['pull offsite-pbs offsite-ds1 ds1 --transfer-last 3'],
  async run({ 'output-format': format, ...parameters }, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('POST', 'pull', ratesInMebibytes(parameters))) as string;
    await followTask(server, upid, terminal, outputFormat({ 'output-format': format }, terminal));
  },
});
