// `backup`: trees, images and files into a new snapshot (cli.md 4).

import { hostname } from 'node:os';
import { epochSeconds } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import { backupTypes, isSafeId } from '../../model/names.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { completeGroup, targetCompleters } from './complete.ts';
import { jobReporter } from './job-reporter.ts';
import { cryptModeOption, keyCompleters, keyOptions, masterKeyOptions } from './key-options.ts';
import { rateLimits, rateOptions } from './rate-options.ts';
import { namespaceOptions, openTarget, repositoryOptions } from './repository-options.ts';

const chunkSizes = [64, 128, 256, 512, 1024, 2048, 4096];

export const backup: Command = defineCommand({
  summary: 'Create a backup.',
  description:
    'Creates a snapshot of trees (pxar), images of files and devices (img), and small files (conf, log). Other file ' +
    'systems mounted below a tree are left out unless they are asked for.',
  positional: ['backupspec'],
  options: {
    backupspec: option.list(
      option.text('Source: NAME.TYPE:PATH with type pxar, img, conf or log.'),
      'What to back up: NAME.TYPE:PATH with type pxar, img, conf or log.',
    ),
    'backup-type': optional(option.choice(backupTypes, 'Type of the group.', { default: 'host' })),
    'backup-id': optional(option.text('Id of the group. The default is the host name.')),
    'backup-time': optional(option.integer('Time of the snapshot, epoch seconds. The default is now.', { minimum: 1 })),
    ...keyOptions,
    ...masterKeyOptions,
    ...cryptModeOption,
    exclude: optional(option.list(option.text('Pattern.'), 'Leave out what matches this pattern.')),
    'include-dev': optional(option.list(option.text('Path.'), 'Also enter the file system of this path.')),
    'all-file-systems': optional(option.flag('Also enter all file systems mounted below.')),
    'skip-lost-and-found': optional(option.flag('Leave out lost+found.')),
    'skip-e2big-xattr': optional(option.flag('Leave out attributes that are too big to be read, instead of failing.')),
    'chunk-size': optional(
      option.integer('Average size of chunks of file archives in KiB, a power of two.', {
        minimum: 64,
        maximum: 4096,
        default: 4096,
      }),
    ),
    'change-detection-mode': optional(
      option.choice(
        ['legacy', 'data', 'metadata'],
        'How unchanged files are recognised; metadata does not read them.',
        {
          default: 'legacy',
        },
      ),
    ),
    'entries-max': optional(
      option.integer('Most entries held in memory: those of a directory and its ancestors.', {
        minimum: 1,
        default: 1048576,
      }),
    ),
    compress: optional(option.choice(['zstd', 'none'], 'Compression.', { default: 'zstd' })),
    'zstd-level': optional(option.integer('Compression level.', { minimum: 1, maximum: 19, default: 1 })),
    ...rateOptions,
    'dry-run': optional(option.flag('Only tell what would be done.')),
    'no-cache': optional(option.flag('Ask a server with an object store not to use its cache.')),
    ...repositoryOptions,
    ...namespaceOptions,
  },
  complete: {
    ...targetCompleters,
    ...keyCompleters,
    'backup-id': async (word, values, terminal) => {
      const groups = await completeGroup(word, values, terminal);
      const prefix = `${values['backup-type'] ?? 'host'}/`;
      return groups.filter((group) => group.startsWith(prefix)).map((group) => group.slice(prefix.length));
    },
    backupspec: async (word) => {
      const at = word.indexOf(':');
      if (at < 0) return ['root.pxar:', 'home.pxar:', 'disk.img:'];
      return (await completeFileNames(word.slice(at + 1))).map((name) => word.slice(0, at + 1) + name);
    },
  },
  examples: [
    'backup root.pxar:/ --exclude /var/cache --repository backup@pbs@server:store1',
    'backup disk.img:/dev/vg0/disk config.conf:/etc/disk.conf --backup-type vm --backup-id 100',
  ],
  async run(values, terminal) {
    const { parseBackupSources } = await import('../../client/backup-source.ts');
    const { loadBackupKeys } = await import('../../client/encryption-keys.ts');
    const { parsePattern } = await import('../../pxar/patterns.ts');
    const chunkSize = values['chunk-size'] ?? 4096;
    if (!chunkSizes.includes(chunkSize)) {
      throw new GranaryError('usage', `--chunk-size ${chunkSize} is no power of two from 64 to 4096`);
    }
    const id = values['backup-id'] ?? hostname();
    if (!isSafeId(id)) throw new GranaryError('usage', `'${id}' is no backup id: give another with --backup-id`);
    const sources = parseBackupSources(values.backupspec);
    const patterns = (values.exclude ?? []).map((text) => {
      const { pattern, normalized } = parsePattern(text);
      if (normalized) terminal.message(`exclude pattern '${text}' is taken as '${Buffer.from(pattern.text)}'`);
      return pattern;
    });
    const keys = await loadBackupKeys(values, { env: terminal.env, prompter: terminal });
    await using target = await openTarget(values, terminal, rateLimits(values));
    if (!values['dry-run']) await target.connection.startLogin();
    const { runBackup } = await import('../../client/backup-job.ts');
    const { devicesOf } = await import('../../client/walk.ts');
    await runBackup({
      connection: target.connection,
      repository: target.repository,
      ns: target.ns,
      snapshot: {
        type: values['backup-type'] ?? 'host',
        id,
        time: values['backup-time'] ?? epochSeconds(terminal.clock),
      },
      sources,
      keys,
      patterns,
      includeDevices: values['all-file-systems'] ? 'all' : devicesOf(values['include-dev'] ?? []),
      skipLostAndFound: values['skip-lost-and-found'] ?? false,
      skipE2big: values['skip-e2big-xattr'] ?? false,
      entriesMax: values['entries-max'] ?? 1048576,
      chunkAverage: chunkSize * 1024,
      compress: values.compress !== 'none',
      level: values['zstd-level'] ?? 1,
      changeDetection: values['change-detection-mode'] ?? 'legacy',
      noCache: values['no-cache'] ?? false,
      dryRun: values['dry-run'] ?? false,
      reporter: jobReporter(terminal),
      clock: terminal.clock,
      signal: terminal.signal,
    });
  },
});
