// `restore`: archives of a snapshot back into files, directories or a stream (cli.md 4).

import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { reportRestore } from '../restore-outcome.ts';
import { completeArchive, completeSnapshotOrGroup, targetCompleters } from './complete.ts';
import { restoreReporter } from './job-reporter.ts';
import { cryptModeOption, keyCompleters, keyOptions } from './key-options.ts';
import { rateLimits, rateOptions } from './rate-options.ts';
import { namespaceOptions, openTarget, repositoryOptions } from './repository-options.ts';
import { findSnapshotOrNewest, snapshotOrGroupArgument } from './snapshot-argument.ts';

export const restore = defineCommand({
  summary: 'Restore an archive of a snapshot.',
  description:
    'Restores a tree (pxar) into a directory, an image (img) or small file (conf, log, index.json, keys) into a file, ' +
    'or any of them to standard output. A group, or TYPE/ID/latest, stands for its newest snapshot.',
  positional: ['snapshot', 'archive-name', 'target'],
  options: {
    snapshot: snapshotOrGroupArgument,
    'archive-name': option.text('Archive: root.pxar, disk.img, index.json and so on.'),
    target: option.text('File or directory; - is standard output.', { valueName: 'path' }),
    pattern: optional(option.list(option.text('Pattern.'), 'Only what matches this pattern.')),
    ...keyOptions,
    ...cryptModeOption,
    'allow-existing-dirs': optional(option.flag('Restore into directories that exist.')),
    'ignore-acls': optional(option.flag('Leave out access control lists.')),
    'ignore-xattrs': optional(option.flag('Leave out extended attributes.')),
    'ignore-ownership': optional(option.flag('Leave out owner and group.')),
    'ignore-permissions': optional(option.flag('Leave out permission bits.')),
    overwrite: optional(option.flag('Replace whatever exists.')),
    'overwrite-files': optional(option.flag('Replace files that exist.')),
    'overwrite-symlinks': optional(option.flag('Replace what exists by symbolic links.')),
    'overwrite-hardlinks': optional(option.flag('Replace what exists by hard links.')),
    'ignore-extract-device-errors': optional(option.flag('Say nothing of device nodes that cannot be made.')),
    'prelude-target': optional(option.text('Where to write the prelude of a split archive.', { valueName: 'path' })),
    ...rateOptions,
    ...repositoryOptions,
    ...namespaceOptions,
  },
  complete: {
    ...targetCompleters,
    ...keyCompleters,
    snapshot: completeSnapshotOrGroup,
    'archive-name': completeArchive,
    target: completeFileNames,
  },
  examples: [
    'restore host/web1/2026-02-11T10:00:00Z root.pxar /restore',
    'restore host/web1 root.pxar /restore --pattern /etc/nginx',
    'restore vm/100/latest drive-scsi0.img - | qemu-img info -',
  ],
  async run(values, terminal) {
    const { parsePattern } = await import('../../pxar/patterns.ts');
    const patterns = (values.pattern ?? []).map((text) => parsePattern(text, { type: 'include' }).pattern);
    await using target = await openTarget(values, terminal, rateLimits(values));
    const snapshot = await findSnapshotOrNewest(target, values.snapshot);
    const { SnapshotReader } = await import('../../client/snapshot-reader.ts');
    const { runRestore } = await import('../../client/restore-job.ts');
    await using reader = await SnapshotReader.open({
      connection: target.connection,
      repository: target.repository,
      ns: target.ns,
      snapshot,
      keyOptions: values,
      keyEnvironment: { env: terminal.env, prompter: terminal },
    });
    const summary = await runRestore({
      snapshot: reader,
      archive: values['archive-name'],
      target: values.target,
      patterns,
      extract: {
        allowExistingDirs: values['allow-existing-dirs'] ?? false,
        ignoreAcls: values['ignore-acls'] ?? false,
        ignoreXattrs: values['ignore-xattrs'] ?? false,
        ignoreOwnership: values['ignore-ownership'] ?? false,
        ignorePermissions: values['ignore-permissions'] ?? false,
        overwrite: values.overwrite ?? false,
        overwriteFiles: values['overwrite-files'] ?? false,
        overwriteSymlinks: values['overwrite-symlinks'] ?? false,
        overwriteHardlinks: values['overwrite-hardlinks'] ?? false,
        ignoreDeviceErrors: values['ignore-extract-device-errors'] ?? false,
      },
      overwrite: (values.overwrite || values['overwrite-files']) ?? false,
      preludeTarget: values['prelude-target'],
      reporter: restoreReporter(terminal),
      clock: terminal.clock,
      signal: terminal.signal,
    });
    if (summary) reportRestore(summary, terminal);
  },
});
