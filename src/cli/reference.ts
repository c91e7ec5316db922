// The reference of all programs as one page, made from the declarations (docs/generated/cli.md).

import { commandHelp } from './framework/help.ts';
import { everyCommand, programs } from './programs.ts';

/** Markdown: a section for each program, the help text of each command in it. */
export async function commandReference(): Promise<string> {
  const parts = [
    '# Commands',
    '',
    'Made by `npm run gen` from the declarations in `src/cli`. Every program is also a sub-command of `granary`; unique',
    'prefixes of command names are enough; `help` and `bashcomplete` are in each of them.',
    '',
  ];
  let last: string | undefined;
  for await (const { program, path, command } of everyCommand()) {
    if (program !== last) parts.push(`## ${program}`, '', programs[program]!.summary, '');
    last = program;
    const help = commandHelp(program, path, command).trimEnd();
    parts.push(`### ${[program, ...path].join(' ')}`, '', '```text', help, '```', '');
  }
  return parts.join('\n');
}
