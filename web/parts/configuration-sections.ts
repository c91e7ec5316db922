// The sections of the configuration and who may see something in each.

import type { Permissions } from '../base/permissions.ts';
import type { IconName } from './icon.tsx';

export interface Section {
  /** In the address: `/configuration/users`. */
  id: SectionId;
  icon: IconName;
  isShown(permissions: Permissions): boolean;
}

export type SectionId =
  | 'datastores'
  | 'jobs'
  | 'remotes'
  | 'encryption-keys'
  | 's3-endpoints'
  | 'users'
  | 'tokens'
  | 'second-factors'
  | 'permissions'
  | 'realms'
  | 'traffic'
  | 'certificates'
  | 'notifications'
  | 'metrics'
  | 'options';

export type GroupId = 'backup' | 'access' | 'server';

const users = ({ may }: Permissions): boolean => may('/access/users', 'Sys.Audit', 'Permissions.Modify');

/** All, in the groups that the list shows them in. */
export const sectionGroups: readonly { id: GroupId; sections: readonly Section[] }[] = [
  {
    id: 'backup',
    sections: [
      {
        id: 'datastores',
        icon: 'datastore',
        isShown: ({ mayBelow }) => mayBelow('/datastore', 'Datastore.Audit', 'Datastore.Allocate', 'Datastore.Modify'),
      },
      {
        id: 'jobs',
        icon: 'calendar',
        isShown: ({ mayBelow }) => mayBelow('/datastore', 'Datastore.Audit', 'Datastore.Modify', 'Datastore.Verify'),
      },
      {
        id: 'remotes',
        icon: 'server',
        isShown: ({ mayBelow }) => mayBelow('/remote', 'Remote.Audit', 'Remote.Modify'),
      },
      {
        id: 'encryption-keys',
        icon: 'key',
        isShown: ({ mayBelow }) => mayBelow('/system/encryption-keys', 'Sys.Audit', 'Sys.Modify'),
      },
      {
        id: 's3-endpoints',
        icon: 'server',
        isShown: ({ mayBelow }) => mayBelow('/system/s3-endpoint', 'Sys.Audit', 'Sys.Modify'),
      },
    ],
  },
  {
    id: 'access',
    sections: [
      { id: 'users', icon: 'user', isShown: users },
      { id: 'tokens', icon: 'key', isShown: users },
      { id: 'second-factors', icon: 'lock', isShown: users },
      {
        id: 'permissions',
        icon: 'shield',
        isShown: ({ may }) => may('/access/acl', 'Sys.Audit', 'Permissions.Modify'),
      },
      {
        id: 'realms',
        icon: 'folder',
        isShown: ({ may }) => may('/access/domains', 'Sys.Audit', 'Realm.Allocate'),
      },
    ],
  },
  {
    id: 'server',
    sections: [
      { id: 'notifications', icon: 'note', isShown: ({ may }) => may('/system/notifications', 'Sys.Audit') },
      { id: 'certificates', icon: 'lock', isShown: ({ may }) => may('/system/certificates', 'Sys.Modify') },
      { id: 'traffic', icon: 'dashboard', isShown: ({ may }) => may('/', 'Sys.Audit') },
      { id: 'metrics', icon: 'tasks', isShown: ({ may }) => may('/', 'Sys.Audit') },
      { id: 'options', icon: 'settings', isShown: ({ may }) => may('/system', 'Sys.Audit') },
    ],
  },
];

/** Whether there is a section for the user. */
export function maySeeConfiguration(permissions: Permissions): boolean {
  return sectionGroups.some(({ sections }) => sections.some((section) => section.isShown(permissions)));
}
