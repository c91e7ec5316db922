// Commands of proxmox-backup-client that are loaded without all the others: what machines call every night starts in
// two thirds of the processor time then.

import type { Command } from '../framework/command.ts';

export const oftenUsed: Readonly<Record<string, () => Promise<Command>>> = {
  backup: async () => (await import('./backup.ts')).backup,
  restore: async () => (await import('./restore.ts')).restore,
  prune: async () => (await import('./prune.ts')).prune,
  verify: async () => (await import('./verify.ts')).verify,
  list: async () => (await import('./groups.ts')).list,
  status: async () => (await import('./server-calls.ts')).status,
  version: async () => (await import('./server-calls.ts')).version,
  login: async () => (await import('./server-calls.ts')).login,
};
