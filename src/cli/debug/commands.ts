// The commands of proxmox-backup-debug (cli.md 10).

import { diffArchive } from '../client/diff.ts';
import { defineGroup } from '../framework/command.ts';
import { apiCommands } from './api.ts';

export const debugCommands = defineGroup('Look into what is stored.', {
  api: apiCommands,
  diff: defineGroup('Differences between snapshots.', { archive: diffArchive }),
});
