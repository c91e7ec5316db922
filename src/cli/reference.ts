// The reference of all programs as one page, made from the declarations (docs/generated/cli.md).

import { listCommands } from './framework/command.ts';
import { commandHelp } from './framework/help.ts';
import { programs } from './programs.ts';

/** Markdown: a section for each program, the help text of each command in it. */
export async function commandReference(): Promise<string> {
  const parts = [
    '# Commands',
    '',
    'Made by `npm run gen` from the declarations in `src/cli`. Every program is also a sub-command of `granary`; unique',
    'prefixes of command names are enough; `help` and `bashcomplete` are in each of them.',
    '',
  ];
  for (const [name, program] of Object.entries(programs)) {
    parts.push(`## ${name}`, '', program.summary, '');
    for (const { path, command } of listCommands(await program.load())) {
      parts.push(
        `### ${[name, ...path].join(' ')}`,
        '',
        '```text',
        commandHelp(name, path, command).trimEnd(),
        '```',
        '',
      );
    }
  }
  return parts.join('\n');
}
