// Commands about keys of synchronisation (cli.md 5).

import { readFile } from 'node:fs/promises';
import { formatLocal } from '../../base/clock.ts';
import { withContext } from '../../base/errors.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeNames } from './complete.ts';
import { openLocalServer } from './local-server.ts';

const path = 'config/encryption-keys';
const id = option.text('Name of the key.', { minLength: 3, maxLength: 32, valueName: 'id' });
const named = {
  positional: ['id'] as const,
  options: { id },
  complete: { id: completeNames(`${path}?include-archived=1`, 'id') },
};

interface Row {
  id: string;
  fingerprint: string;
  created: number;
  hint?: string;
  'archived-at'?: number;
}

const list = defineCommand({
  summary: 'List the keys that snapshots are encrypted with on their way.',
  options: { 'include-archived': optional(option.flag('Also archived ones.')), ...outputOption },
  async run({ 'output-format': format, ...filters }, terminal) {
    await using server = await openLocalServer(terminal);
    const rows = (await server.call('GET', path, filters)) as Row[];
    if (printJson(terminal, outputFormat({ 'output-format': format }, terminal), rows)) return;
    printTable<Row>(terminal, rows, [
      fieldColumn('id'),
      fieldColumn('fingerprint'),
      { name: 'created', text: (row) => formatLocal(row.created) },
      { name: 'archived-at', text: (row) => row['archived-at'] && formatLocal(row['archived-at']) },
      fieldColumn('hint'),
    ]);
  },
});

const create = defineCommand({
  summary: 'Make a key, or take one over from a key file without passphrase.',
  positional: ['id'],
  options: { id, 'key-file': optional(option.text('Key file; a new key is made when absent.', { valueName: 'path' })) },
  examples: ['encryption-key create offsite'],
  async run({ id: name, 'key-file': file }, terminal) {
    let key: string | undefined;
    try {
      key = file === undefined ? undefined : await readFile(file, 'utf8');
    } catch (error) {
      throw withContext(`unable to read key file '${file}'`, error);
    }
    await using server = await openLocalServer(terminal);
    await server.call('POST', path, { id: name, key });
    const rows = (await server.call('GET', path)) as (Row & { path?: string })[];
    const made = rows.find((row) => row.id === name);
    terminal.message(`Key '${name}' is in ${made?.path}: keep a copy, without it nothing comes back.`);
  },
});

const toggleArchive = defineCommand({
  summary: 'Archive a key, so that nothing more is encrypted with it; or take an archived one back.',
  ...named,
  async run({ id: name }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('POST', `${path}/${encodeURIComponent(name)}`);
  },
});

const remove = defineCommand({
  summary: 'Remove an archived key that no job uses.',
  ...named,
  async run({ id: name }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', `${path}/${encodeURIComponent(name)}`);
  },
});

export const encryptionKeyCommands = defineGroup('Keys that snapshots are encrypted with on their way.', {
  list,
  create,
  'toggle-archive': toggleArchive,
  remove,
});
