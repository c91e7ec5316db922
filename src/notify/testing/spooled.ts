// What tests find in the spool of a server that sends nothing.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Directories } from '../../config/directories.ts';
import type { Notification } from '../notification.ts';
import { parseSpooled, spoolDirectory } from '../spool.ts';

/** Takes out what was spooled, in the order of time. */
export function takeSpooled(directories: Directories): Notification[] {
  const directory = spoolDirectory(directories);
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    rmSync(join(directory, name));
    return parseSpooled(text)!.notification;
  });
}
