// Privileges and roles (access-control.md 2 and 3). Browser-safe.

/** In bit order, which is also the order of every list of names. */
export const privileges = [
  'Sys.Audit',
  'Sys.Modify',
  'Sys.PowerManagement',
  'Datastore.Audit',
  'Datastore.Allocate',
  'Datastore.Modify',
  'Datastore.Read',
  'Datastore.Verify',
  'Datastore.Backup',
  'Datastore.Prune',
  'Permissions.Modify',
  'Remote.Audit',
  'Remote.Modify',
  'Remote.Read',
  'Remote.DatastoreBackup',
  'Remote.DatastoreModify',
  'Remote.DatastorePrune',
  'Sys.Console',
  'Tape.Audit',
  'Tape.Modify',
  'Tape.Write',
  'Tape.Read',
  'Realm.Allocate',
] as const;
export type Privilege = (typeof privileges)[number];

interface Role {
  privileges: readonly Privilege[];
  comment: string;
}

const datastoreUser = ['Datastore.Backup', 'Datastore.Prune'] as const;

export const roles = {
  Admin: { privileges, comment: 'Administrator' },
  Audit: { privileges: ['Sys.Audit', 'Datastore.Audit'], comment: 'Auditor' },
  NoAccess: { privileges: [], comment: 'Disable Access' },
  DatastoreAdmin: {
    privileges: ['Datastore.Audit', 'Datastore.Modify', 'Datastore.Read', 'Datastore.Verify', ...datastoreUser],
    comment: 'Datastore Administrator',
  },
  DatastoreReader: {
    privileges: ['Datastore.Audit', 'Datastore.Read', 'Datastore.Verify'],
    comment: 'Datastore Reader (inspect datastore content and do restores)',
  },
  DatastoreBackup: { privileges: ['Datastore.Backup'], comment: 'Datastore Backup (backup and restore owned backups)' },
  DatastorePowerUser: {
    privileges: datastoreUser,
    comment: 'Datastore PowerUser (backup, restore and prune owned backup)',
  },
  DatastoreAudit: { privileges: ['Datastore.Audit'], comment: 'Datastore Auditor' },
  RemoteAudit: { privileges: ['Remote.Audit'], comment: 'Remote Auditor' },
  RemoteAdmin: { privileges: ['Remote.Audit', 'Remote.Modify', 'Remote.Read'], comment: 'Remote Administrator' },
  RemoteSyncOperator: { privileges: ['Remote.Audit', 'Remote.Read'], comment: 'Synchronization Operator' },
  RemoteSyncPushOperator: {
    privileges: ['Remote.Audit', 'Remote.DatastoreBackup'],
    comment: 'Synchronisation Operator (push direction)',
  },
  RemoteDatastorePowerUser: {
    privileges: ['Remote.Audit', 'Remote.DatastoreBackup', 'Remote.DatastorePrune'],
    comment: 'Remote Datastore Prune',
  },
  RemoteDatastoreAdmin: {
    privileges: ['Remote.Audit', 'Remote.DatastoreBackup', 'Remote.DatastoreModify', 'Remote.DatastorePrune'],
    comment: 'Remote Datastore Admin',
  },
  TapeAudit: { privileges: ['Tape.Audit'], comment: 'Tape Auditor' },
  TapeAdmin: { privileges: ['Tape.Audit', 'Tape.Modify', 'Tape.Write', 'Tape.Read'], comment: 'Tape Administrator' },
  TapeOperator: { privileges: ['Tape.Audit', 'Tape.Write', 'Tape.Read'], comment: 'Tape Operator' },
  TapeReader: { privileges: ['Tape.Audit', 'Tape.Read'], comment: 'Tape Reader' },
} as const satisfies Record<string, Role>;
export type RoleId = keyof typeof roles;
