// The maintenance mode from before a task that needs one of its own: kept in a file, so that it comes back after a crash,
// too (config-and-tasks.md 9).

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatastoreConfig } from '../config/datastore-config.ts';
import type { DatastoreSection } from '../config/datastore-schema.ts';
import type { Directories } from '../config/directories.ts';
import { parseMaintenanceMode } from '../config/maintenance.ts';
import { replaceFileSync } from '../os/atomic-file.ts';

/** Modes that belong to a task; each has a folder for what was before. */
const folders = { unmount: 'unmounting', 's3-refresh': 'refreshing' } as const;
export type TaskMode = keyof typeof folders;

const modeFile = (directories: Directories, type: TaskMode, name: string): string =>
  path.join(directories.state, folders[type], `${name}.json`);

/** Whether a datastore is in this mode. */
export function isInMode({ 'maintenance-mode': mode }: DatastoreSection, type: TaskMode): boolean {
  return mode !== undefined && parseMaintenanceMode(mode).type === type;
}

/** Notes the mode of a datastore that is about to get `type`. One that has it already was kept when it got it. */
export function keepMode(directories: Directories, type: TaskMode, section: DatastoreSection): void {
  if (isInMode(section, type)) return;
  const file = modeFile(directories, type, section.name);
  mkdirSync(path.dirname(file), { recursive: true });
  replaceFileSync(file, JSON.stringify({ mode: section['maintenance-mode'] }), { mode: 0o640 });
}

/** Ends mode `type`, if the datastore is in it: it gets the one from before. */
export async function giveModeBack(directories: Directories, type: TaskMode, name: string): Promise<void> {
  const config = new DatastoreConfig(directories);
  const file = modeFile(directories, type, name);
  const section = config.find(name);
  if (section && isInMode(section, type)) {
    const before = keptMode(file);
    if (before === undefined) await config.update(name, {}, { remove: ['maintenance-mode'] });
    else await config.update(name, { 'maintenance-mode': before });
  }
  rmSync(file, { force: true });
}

/** A file that cannot be understood has kept none. */
function keptMode(file: string): string | undefined {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { mode?: unknown } | null;
    if (typeof kept?.mode !== 'string') return undefined;
    parseMaintenanceMode(kept.mode);
    return kept.mode;
  } catch {
    return undefined;
  }
}
