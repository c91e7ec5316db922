// What tells this server from any other: made at the first question, kept in the state directory.

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { createFileExclusive } from '../os/atomic-file.ts';

export async function instanceId(directories: Directories): Promise<string> {
  const file = join(directories.state, 'instance-id');
  if (!existsSync(file)) await createFileExclusive(file, `${randomUUID()}\n`);
  const text = (await readFile(file, 'utf8')).trim();
  if (/^[0-9a-f-]{32,36}$/.test(text)) return text;
  throw new GranaryError('config-invalid', `"${file}" does not hold an identifier`);
}
