// `pxar extract`: restores an archive file into a directory (cli.md 8).

import { readFile, writeFile } from 'node:fs/promises';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { reportRestore } from '../restore-outcome.ts';
import { kindOptions, path } from './options.ts';

export const extract = defineCommand({
  summary: 'Extract an archive.',
  positional: ['archive', 'target', 'pattern'],
  options: {
    archive: path('Archive; - is standard input.'),
    target: optional(path('Directory, made if missing. The default is the current one.')),
    pattern: optional(option.list(option.text('Pattern.'), 'Only what matches this pattern.')),
    'files-from': optional(path('File with more patterns, one a line.')),
    ...kindOptions,
    'no-permissions': optional(option.flag('Leave out permission bits.')),
    'no-ownership': optional(option.flag('Leave out owner and group.')),
    'allow-existing-dirs': optional(option.flag('Extract into directories that exist.')),
    overwrite: optional(option.flag('Replace whatever exists.')),
    'overwrite-files': optional(option.flag('Replace files that exist.')),
    'overwrite-symlinks': optional(option.flag('Replace what exists by symbolic links.')),
    'overwrite-hardlinks': optional(option.flag('Replace what exists by hard links.')),
    strict: optional(option.flag('Stop at the first thing that cannot be extracted.')),
    'payload-input': optional(path('File contents of a split archive.')),
    'prelude-target': optional(path('Where to write the prelude of a split archive.')),
  },
  complete: {
    archive: completeFileNames,
    target: completeFileNames,
    'payload-input': completeFileNames,
    'files-from': completeFileNames,
  },
  examples: ['extract home.pxar /tmp/home --pattern "**/*.txt"'],
  async run(values, terminal) {
    const { extractArchive } = await import('../../client/extract.ts');
    const { readFileStream } = await import('../../client/file-streams.ts');
    const { parsePattern } = await import('../../pxar/patterns.ts');
    const texts = [...(values.pattern ?? []), ...(await listedPatterns(values['files-from']))];
    const payload = values['payload-input'];
    let prelude: Uint8Array | undefined;
    const summary = await extractArchive(
      {
        archive: readFileStream(values.archive === '-' ? '/dev/stdin' : values.archive, terminal.signal),
        ...(payload === undefined ? {} : { payload: readFileStream(payload, terminal.signal) }),
      },
      values.target ?? '.',
      {
        archiveName: values.archive,
        ...(payload === undefined ? {} : { payloadName: payload }),
        patterns: texts.map((text) => parsePattern(text, { type: 'include' }).pattern),
        allowExistingDirs: values['allow-existing-dirs'] ?? false,
        overwrite: values.overwrite ?? false,
        overwriteFiles: values['overwrite-files'] ?? false,
        overwriteSymlinks: values['overwrite-symlinks'] ?? false,
        overwriteHardlinks: values['overwrite-hardlinks'] ?? false,
        ignoreXattrs: values['no-xattrs'] ?? false,
        ignoreAcls: values['no-acls'] ?? false,
        ignorePermissions: values['no-permissions'] ?? false,
        ignoreOwnership: values['no-ownership'] ?? false,
        ...(values['no-fcaps'] === undefined ? {} : { ignoreFcaps: values['no-fcaps'] }),
        deviceNodes: !values['no-device-nodes'],
        fifos: !values['no-fifos'],
        sockets: !values['no-sockets'],
        strict: values.strict ?? false,
        signal: terminal.signal,
        onWarning: (at, text) => terminal.message(`${Buffer.from(at)}: ${text}`),
        onPrelude: (data) => {
          prelude = Uint8Array.from(data);
        },
      },
    );
    if (values['prelude-target'] !== undefined) await writeFile(values['prelude-target'], prelude ?? '');
    reportRestore(summary, terminal);
  },
});

async function listedPatterns(file: string | undefined): Promise<string[]> {
  if (file === undefined) return [];
  try {
    const text = await readFile(file, 'utf8');
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    throw new GranaryError('io', `cannot read '${file}': ${messageOf(error)}`, { cause: error });
  }
}
