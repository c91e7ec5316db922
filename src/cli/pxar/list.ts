// `pxar list`: the paths in an archive file (cli.md 8, formats.md 10.5).

import type { PxarEvent } from '../../pxar/types.ts';
import { formatEntryTime, formatMode } from '../entry-text.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { optional } from '../framework/options.ts';
import { path } from './options.ts';

export const list = defineCommand({
  summary: 'List the paths in an archive; with details when PXAR_LOG=debug is set.',
  positional: ['archive'],
  options: {
    archive: path('Archive; - is standard input.'),
    'payload-input': optional(path('File contents of a split archive; not needed for the list.')),
  },
  complete: { archive: completeFileNames, 'payload-input': completeFileNames },
  async run(values, terminal) {
    const { readFileStream } = await import('../../client/file-streams.ts');
    const { decodePxar } = await import('../../pxar/decoder.ts');
    const { formatListLine } = await import('../../pxar/list.ts');
    const details = terminal.env['PXAR_LOG'] === 'debug' || terminal.env['PXAR_LOG'] === 'trace';
    const archive = readFileStream(values.archive === '-' ? '/dev/stdin' : values.archive, terminal.signal);
    let lines: string[] = [];
    for await (const event of decodePxar({ archive }, { archiveName: values.archive, signal: terminal.signal })) {
      if (event.kind === 'prelude' || event.kind === 'end-directory') continue;
      const line = formatListLine(event.path);
      lines.push(details ? `${detailText(event)} ${line}\n` : `${line}\n`);
      if (lines.length < 1000) continue;
      await terminal.writeBytes(Buffer.from(lines.join('')));
      lines = [];
    }
    if (lines.length > 0) await terminal.writeBytes(Buffer.from(lines.join('')));
  },
});

function detailText(event: Exclude<PxarEvent, { kind: 'prelude' | 'end-directory' }>): string {
  if (event.kind === 'hardlink') return `h--------- ${Buffer.from(event.target)}`;
  const { mode, uid, gid, mtime } = event.meta;
  const size = event.kind === 'file' ? event.size : event.kind === 'device' ? `${event.major},${event.minor}` : 0;
  return `${formatMode(event.kind, mode)} ${uid}/${gid} ${size} ${formatEntryTime(mtime.seconds)}`;
}
