// Commands about encryption keys: create, change-passphrase, show, paperkey (cli.md 4, 13).

import { randomBytes } from 'node:crypto';
import { formatCtime } from '../../base/clock.ts';
import { kdfName, openKeyFile, parseKeyFile } from '../../crypto/key-file.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printFields, printJson } from '../framework/output.ts';
import {
  askTwice,
  keyPath,
  newPassphrase,
  oldPassphrase,
  pathOrDefault,
  protectionOptions,
  readKeyText,
  writeKeyFile,
} from './key-files.ts';

const complete = { path: completeFileNames };

export const create = defineCommand({
  summary: 'Create an encryption key.',
  positional: ['path'],
  options: { path: keyPath, ...protectionOptions },
  complete,
  examples: ['key create', 'key create /root/pbs-key.json --kdf none'],
  async run({ path, kdf = 'scrypt', hint }, terminal) {
    await writeKeyFile(pathOrDefault(path, terminal), randomBytes(32), {
      kdf,
      hint,
      terminal,
      passphrase: () => newPassphrase(terminal),
    });
  },
});

export const changePassphrase = defineCommand({
  summary: 'Protect a key with another passphrase; the key and its fingerprint stay.',
  positional: ['path'],
  options: { path: keyPath, ...protectionOptions },
  complete,
  async run({ path, kdf = 'scrypt', hint }, terminal) {
    const file = pathOrDefault(path, terminal);
    const old = await openKeyFile(parseKeyFile(await readKeyText(file), file), () => oldPassphrase(terminal));
    await writeKeyFile(file, old.key, {
      kdf,
      hint,
      terminal,
      created: old.created,
      replace: true,
      passphrase: () => askTwice(terminal, 'New Password'),
    });
  },
});

export const show = defineCommand({
  summary: 'Show what a key file says about its key.',
  positional: ['path'],
  options: { path: keyPath, ...outputOption },
  complete,
  async run(values, terminal) {
    const path = pathOrDefault(values.path, terminal);
    const key = parseKeyFile(await readKeyText(path), path);
    const facts = { path: JSON.stringify(path), kdf: kdfName(key.kdf), created: key.created, modified: key.modified };
    const rest = { fingerprint: key.fingerprint, hint: key.hint };
    if (printJson(terminal, outputFormat(values, terminal), { ...facts, ...rest })) return;
    printFields(
      terminal,
      Object.entries({
        ...facts,
        created: formatCtime(key.created),
        modified: formatCtime(key.modified),
        ...rest,
      }),
    );
  },
});

export const paperkey = defineCommand({
  summary: 'Print a key for safe-keeping on paper, with QR codes.',
  positional: ['path'],
  options: {
    path: keyPath,
    subject: optional(option.text('A line on top of the page.')),
    'output-format': optional(option.choice(['html', 'text'], 'Form of the page.', { default: 'html' })),
  },
  complete,
  async run(values, terminal) {
    const { paperKey } = await import('../../crypto/paper-key.ts');
    const text = await readKeyText(pathOrDefault(values.path, terminal));
    const page = await paperKey(text, {
      format: values['output-format'] ?? 'html',
      ...(values.subject === undefined ? {} : { subject: values.subject }),
    });
    terminal.print(page);
  },
});
