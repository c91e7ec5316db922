// `snapshot upload-log`: keeps a log file with a snapshot (cli.md 4, formats.md 9).

import { readFile } from 'node:fs/promises';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option } from '../framework/options.ts';
import { printResult } from '../framework/output.ts';
import { completeSnapshot, targetCompleters } from './complete.ts';
import { cryptModeOption, keyCompleters, keyOptions } from './key-options.ts';
import { namespaceOptions, openTarget, repositoryOptions, storePath } from './repository-options.ts';
import { findSnapshot, snapshotArgument, snapshotParameters } from './snapshot-argument.ts';

export const uploadLog = defineCommand({
  summary: 'Keep a log file with a snapshot; it can have only one.',
  positional: ['snapshot', 'logfile'],
  options: {
    snapshot: snapshotArgument,
    logfile: option.text('The log file.', { valueName: 'path' }),
    ...keyOptions,
    ...cryptModeOption,
    ...repositoryOptions,
    ...namespaceOptions,
  },
  complete: { ...targetCompleters, ...keyCompleters, snapshot: completeSnapshot, logfile: completeFileNames },
  async run(values, terminal) {
    const { loadBackupKeys } = await import('../../client/encryption-keys.ts');
    const { encodeBlob } = await import('../../format/blob.ts');
    const keys = await loadBackupKeys(values, { env: terminal.env, prompter: terminal });
    const data = await readFile(values.logfile).catch((error: unknown) => {
      throw new GranaryError('io', `cannot read '${values.logfile}': ${messageOf(error)}`, { cause: error });
    });
    const crypt = keys.mode === 'encrypt' ? keys.key?.crypt : undefined;
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    const { data: result, attributes } = await target.connection.upload(
      storePath(target, 'upload-backup-log'),
      snapshotParameters(target, snapshot),
      encodeBlob(data, crypt ? { crypt } : {}),
    );
    printResult(terminal, { data: result, ...attributes });
  },
});
