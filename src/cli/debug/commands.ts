// The commands of proxmox-backup-debug (cli.md 10).

import { diffArchive } from '../client/diff.ts';
import { defineGroup } from '../framework/command.ts';

export const debugCommands = defineGroup('Look into what is stored.', {
  diff: defineGroup('Differences between snapshots.', { archive: diffArchive }),
});
