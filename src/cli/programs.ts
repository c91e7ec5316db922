// Every program of the project by the name it is started with; `granary` offers all of them as sub-commands.

import type { CommandGroup } from './framework/command.ts';

export interface ProgramEntry {
  /** The name below `granary`. */
  short: string;
  summary: string;
  load(): Promise<CommandGroup>;
}

export const programs: Readonly<Record<string, ProgramEntry>> = {
  'proxmox-backup-client': {
    short: 'client',
    summary: 'Back up to and restore from a backup server.',
    load: async () => (await import('./client/commands.ts')).clientCommands,
  },
  'proxmox-backup-manager': {
    short: 'manager',
    summary: 'Manage the backup server on this machine.',
    load: async () => (await import('./manager/commands.ts')).managerCommands,
  },
  pxar: {
    short: 'pxar',
    summary: 'Archives of directory trees.',
    load: async () => (await import('./pxar/commands.ts')).pxarCommands,
  },
};
