// `benchmark`: how fast backups could be (cli.md 4).

import { loadKey } from '../../client/encryption-keys.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printFields, printJson } from '../framework/output.ts';
import { repositoryCompleters } from './complete.ts';
import { openTarget, repositoryOptions } from './repository-options.ts';

const labels = {
  tls: 'TLS (maximal backup upload speed)',
  sha256: 'SHA256 checksum computation speed',
  compress: 'ZStd level 1 compression speed',
  decompress: 'ZStd level 1 decompression speed',
  verify: 'Chunk verification speed',
  aes256_gcm: 'AES256 GCM encryption speed',
} as const;

export const benchmark = defineCommand({
  summary: 'Measure how fast this machine and the way to the server are.',
  description: 'Measures the parts of a backup one by one. Without a repository the network is left out.',
  options: {
    keyfile: optional(option.text('Key file to encrypt with.', { valueName: 'path' })),
    'no-cache': optional(option.flag('Accepted for the sake of scripts.')),
    ...repositoryOptions,
    ...outputOption,
  },
  complete: repositoryCompleters,
  async run(values, terminal) {
    const { runBenchmark } = await import('../../client/benchmark.ts');
    const key = values.keyfile
      ? await loadKey({ keyfile: values.keyfile }, { env: terminal.env, prompter: terminal })
      : undefined;
    const named = [values.repository, values.datastore, terminal.env['PBS_REPOSITORY'], terminal.env['PBS_DATASTORE']];
    await using target = named.some((text) => text !== undefined) ? await openTarget(values, terminal) : undefined;
    const result = await runBenchmark({
      server: target && { connection: target.connection, store: target.repository.store },
      crypt: key?.crypt,
      clock: terminal.clock,
      signal: terminal.signal,
    });
    const entries = Object.entries(result) as [keyof typeof labels, number][];
    const data = Object.fromEntries(entries.map(([name, speed]) => [name, { speed }]));
    if (printJson(terminal, outputFormat(values, terminal), data)) return;
    printFields(
      terminal,
      entries.map(([name, speed]) => [labels[name], `${(speed / 1_000_000).toFixed(2)} MB/s`]),
    );
  },
});
