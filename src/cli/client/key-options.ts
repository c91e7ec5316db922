// Options that name keys, for commands that write or read snapshots (cli.md 4).

import { cryptModes } from '../../model/names.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';

export const keyOptions = {
  keyfile: optional(option.text('Key file. The default is the default key, if there is one.', { valueName: 'path' })),
  keyfd: optional(option.integer('Read the key from this file descriptor.', { minimum: 0 })),
};

export const cryptModeOption = {
  'crypt-mode': optional(option.choice(cryptModes, 'Whether to encrypt. The default is to, if there is a key.')),
};

export const masterKeyOptions = {
  'master-pubkey-file': optional(
    option.text('Public master key; the backup then carries the encryption key, sealed for it.', { valueName: 'path' }),
  ),
  'master-pubkey-fd': optional(option.integer('Read the master key from this file descriptor.', { minimum: 0 })),
};

export const keyCompleters = { keyfile: completeFileNames };
