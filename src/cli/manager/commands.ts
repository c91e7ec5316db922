// The commands of proxmox-backup-manager (cli.md 5, 12). They need the rights of the server's own user.

import { auditCommands } from '../audit/commands.ts';
import { defineGroup } from '../framework/command.ts';
import { list as listAcl, update as updateAcl } from './acl.ts';
import { acmeCommands } from './acme.ts';
import { info as certInfo, update as updateCert } from './certificates.ts';
import { datastores } from './datastores.ts';
import { diskCommands } from './disks.ts';
import { encryptionKeyCommands } from './encryption-keys.ts';
import { garbageCollectionCommands } from './garbage-collection.ts';
import { runCommand, runPruneJob } from './job-run.ts';
import { networkCommands } from './network.ts';
import { dnsCommands, nodeCommands, subscriptionCommands } from './node.ts';
import { notificationCommands } from './notifications.ts';
import { pruneJobs } from './prune-jobs.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { adCommands, ldapCommands, openIdCommands } from './realms.ts';
import { remotes } from './remotes.ts';
import { s3Commands } from './s3.ts';
import { report, versions } from './server-facts.ts';
import { syncJobs } from './sync-jobs.ts';
import { list as listTasks, stop as stopTask, log as taskLog } from './tasks.ts';
import { currentTraffic, trafficRules } from './traffic-control.ts';
import { permissions } from './user-permissions.ts';
import { userTfa } from './user-tfa.ts';
import {
  create as createUser,
  deleteToken,
  generateToken,
  listTokens,
  list as listUsers,
  remove as removeUser,
  update as updateUser,
} from './users.ts';
import { verify } from './verify.ts';
import { verifyJobs } from './verify-jobs.ts';

export const managerCommands = defineGroup('Manage the backup server on this machine.', {
  datastore: defineGroup('Datastores.', datastores),
  'garbage-collection': garbageCollectionCommands,
  'prune-job': defineGroup('Jobs that apply retention.', { ...pruneJobs, run: runPruneJob }),
  'verify-job': defineGroup('Jobs that verify backups.', {
    ...verifyJobs,
    run: runCommand('verification job', 'verify'),
  }),
  'sync-job': defineGroup('Jobs that copy backups between datastores and servers.', {
    ...syncJobs,
    run: runCommand('sync job', 'sync'),
  }),
  'encryption-key': encryptionKeyCommands,
  remote: defineGroup('Other servers to sync with.', { ...remotes }),
  'traffic-control': defineGroup('Limits of bandwidth.', { ...trafficRules, traffic: currentTraffic }),
  user: defineGroup('Users and API tokens.', {
    list: listUsers,
    create: createUser,
    update: updateUser,
    remove: removeUser,
    'generate-token': generateToken,
    'list-tokens': listTokens,
    'delete-token': deleteToken,
    permissions,
    tfa: userTfa,
  }),
  ldap: ldapCommands,
  ad: adCommands,
  openid: openIdCommands,
  acl: defineGroup('Access rules.', { list: listAcl, update: updateAcl }),
  task: defineGroup('Tasks.', { list: listTasks, log: taskLog, stop: stopTask }),
  audit: auditCommands,
  acme: acmeCommands,
  notification: notificationCommands,
  cert: defineGroup("The server's certificate.", { info: certInfo, update: updateCert }),
  node: nodeCommands,
  dns: dnsCommands,
  network: networkCommands,
  disk: diskCommands,
  s3: s3Commands,
  subscription: subscriptionCommands,
  pull,
  push,
  report,
  verify,
  versions,
});
