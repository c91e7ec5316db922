// The commands of proxmox-backup-client, in the order of the help text (cli.md 4, 12).

import { defineGroup } from '../framework/command.ts';
import { backup } from './backup.ts';
import { benchmark } from './benchmark.ts';
import { catalogDump } from './catalog-dump.ts';
import { catalogShell } from './catalog-shell.ts';
import { diffArchive } from './diff.ts';
import { changeOwner, forgetGroup, list as listGroups, moveGroup } from './groups.ts';
import { changePassphrase, create as createKey, paperkey, show as showKey } from './keys.ts';
import {
  createMasterKey,
  importMasterPubkey,
  importWithMasterKey,
  recoverMaster,
  showMasterPubkey,
} from './master-keys.ts';
import {
  create as createNamespace,
  list as listNamespaces,
  move as moveNamespace,
  remove as removeNamespace,
} from './namespaces.ts';
import { prune } from './prune.ts';
import { restore } from './restore.ts';
import { garbageCollect, login, logout, serverIdentity, status, version } from './server-calls.ts';
import {
  files,
  forget,
  list as listSnapshots,
  showNotes,
  showProtected,
  updateNotes,
  updateProtected,
} from './snapshots.ts';
import { list as listTasks, stop as stopTask, log as taskLog } from './tasks.ts';
import { uploadLog } from './upload-log.ts';
import { verify } from './verify.ts';

export const clientCommands = defineGroup(
  'Back up to and restore from a backup server.',
  {
    backup,
    restore,
    list: listGroups,
    snapshot: defineGroup('Snapshots.', {
      list: listSnapshots,
      files,
      forget,
      'upload-log': uploadLog,
      notes: defineGroup('Notes of a snapshot.', { show: showNotes, update: updateNotes }),
      protected: defineGroup('Protection of a snapshot.', { show: showProtected, update: updateProtected }),
    }),
    group: defineGroup('Backup groups.', { forget: forgetGroup, move: moveGroup }),
    catalog: defineGroup('Files in snapshots.', { dump: catalogDump, shell: catalogShell }),
    diff: diffArchive,
    prune,
    verify,
    'change-owner': changeOwner,
    status,
    benchmark,
    'garbage-collect': garbageCollect,
    namespace: defineGroup('Namespaces.', {
      list: listNamespaces,
      create: createNamespace,
      delete: removeNamespace,
      move: moveNamespace,
    }),
    key: defineGroup('Encryption keys.', {
      create: createKey,
      'change-passphrase': changePassphrase,
      show: showKey,
      paperkey,
      'create-master-key': createMasterKey,
      'import-master-pubkey': importMasterPubkey,
      'show-master-pubkey': showMasterPubkey,
      'import-with-master-key': importWithMasterKey,
      'recover-master': recoverMaster,
    }),
    task: defineGroup('Tasks on the server.', { list: listTasks, log: taskLog, stop: stopTask }),
    login,
    logout,
    version,
    'server-identity': serverIdentity,
  },
  {
    snapshots: ['snapshot', 'list'],
    files: ['snapshot', 'files'],
    forget: ['snapshot', 'forget'],
    'upload-log': ['snapshot', 'upload-log'],
  },
);
