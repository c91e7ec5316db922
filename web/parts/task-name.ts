// What tasks are called, and how good their ends are. Light: the bar above every page uses it.

import { useCallback } from 'react';
import { parseUpid } from '../../src/model/upid.ts';
import { texts, useTexts } from '../base/texts.ts';
import type { Level } from './state.tsx';

/** Worker types as people call them; what is not here is shown as it is. */
const types = texts({
  en: {
    'acme-renew-cert': 'Renewal of the certificate',
    'acme-renewal': 'Renewal of the certificate',
    aptupdate: 'Package lists',
    backup: 'Backup',
    'create-datastore': 'Creation of a datastore',
    'delete-datastore': 'Removal of a datastore',
    garbage_collection: 'Garbage collection',
    logrotate: 'Log rotation',
    'move-group': 'Move of a group',
    'move-namespace': 'Move of a namespace',
    prune: 'Prune',
    prunejob: 'Prune job',
    reader: 'Restore',
    'realm-sync': 'Realm sync',
    srvreload: 'Reload of a service',
    srvrestart: 'Restart of a service',
    srvstart: 'Start of a service',
    srvstop: 'Stop of a service',
    syncjob: 'Sync job',
    verificationjob: 'Verification job',
    verify: 'Verification',
    verify_group: 'Verification of a group',
    verify_snapshot: 'Verification of a snapshot',
  },
  de: {
    'acme-renew-cert': 'Erneuerung des Zertifikats',
    'acme-renewal': 'Erneuerung des Zertifikats',
    aptupdate: 'Paketlisten',
    backup: 'Sicherung',
    'create-datastore': 'Anlegen eines Datastores',
    'delete-datastore': 'Entfernen eines Datastores',
    garbage_collection: 'Garbage Collection',
    logrotate: 'Rotation der Protokolle',
    'move-group': 'Verschieben einer Gruppe',
    'move-namespace': 'Verschieben eines Namespace',
    prune: 'Prune',
    prunejob: 'Prune-Job',
    reader: 'Wiederherstellung',
    'realm-sync': 'Realm-Abgleich',
    srvreload: 'Neuladen eines Dienstes',
    srvrestart: 'Neustart eines Dienstes',
    srvstart: 'Start eines Dienstes',
    srvstop: 'Beenden eines Dienstes',
    syncjob: 'Sync-Job',
    verificationjob: 'Prüf-Job',
    verify: 'Prüfung',
    verify_group: 'Prüfung einer Gruppe',
    verify_snapshot: 'Prüfung eines Snapshots',
  },
});

/** Worker types that there are. A job is called as what it starts. */
export const taskTypes: readonly string[] = Object.keys(types.en).filter((type) => type !== 'acme-renewal');

/** A function that tells what a worker type is called. */
export function useTaskTypes(): (type: string) => string {
  const names: Readonly<Record<string, string>> = useTexts(types);
  return useCallback((type: string) => names[type] ?? type, [names]);
}

/** How good an end is: `OK`, `WARNINGS: 3`, or what went wrong; undefined while the task runs. */
export function levelOf(exitStatus: string | undefined): Level {
  if (exitStatus === undefined) return 'busy';
  if (exitStatus === 'OK') return 'good';
  if (exitStatus === 'unknown') return 'quiet';
  return exitStatus.startsWith('WARNINGS') ? 'warn' : 'bad';
}

/** Type and id of a task, as its UPID tells them: `garbage_collection store1`. */
export function taskName(upid: string): string {
  const parsed = parseUpid(upid);
  return parsed === undefined ? upid : [parsed.workerType, parsed.workerId].filter((part) => part !== '').join(' ');
}
