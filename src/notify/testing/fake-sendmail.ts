// A program in the place of sendmail that keeps what it is given.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunProgram, runProgram } from '../../os/run-program.ts';

export interface SentMail {
  args: string[];
  raw: string;
}

/**
 * Puts the program into `folder`. `run` starts it instead of sendmail; `then` are shell commands at its end, whose exit
 * code is the program's.
 */
export function fakeSendmail(folder: string, then = 'exit 0'): { run: RunProgram; sent(): SentMail[] } {
  const program = join(folder, 'sendmail');
  const script = `#!/bin/sh
out=$(mktemp "${folder}/mail.XXXXXX")
printf '%s\\n' "$@" > "$out.args"
cat > "$out"
${then}
`;
  writeFileSync(program, script, { mode: 0o755 });
  return {
    run: async ([name, ...args], options) => {
      if (name !== '/usr/sbin/sendmail') return await runProgram([name, ...args], options);
      return await runProgram([program, ...args], options);
    },
    sent: () =>
      readdirSync(folder)
        .filter((name) => /^mail\.[^.]+$/.test(name))
        .map((name) => ({
          args: readFileSync(join(folder, `${name}.args`), 'utf8')
            .trimEnd()
            .split('\n'),
          raw: readFileSync(join(folder, name), 'utf8'),
        })),
  };
}
