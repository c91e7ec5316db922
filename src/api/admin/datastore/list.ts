// GET admin/datastore: every datastore that the caller may see something of.

import { DatastoreConfig } from '../../../config/datastore-config.ts';
import { parseBackend } from '../../../config/datastore-schema.ts';
import { mountStatus } from '../../../machine/removable-datastore.ts';
import { datastoreAclPath } from '../../../model/backup.ts';
import { privileges } from '../../../model/privileges.ts';
import { callerOf, hasPrivileges } from '../../../wire/authorize.ts';
import { implement } from '../../../wire/implement.ts';
import { listDatastores } from './list.contract.ts';

export const listEndpoints = [
  implement(listDatastores, async (_parameters, call) => {
    const { server } = call;
    const caller = callerOf(call);
    const { data } = new DatastoreConfig(server.directories).list();
    return data
      .filter(({ name }) => {
        const path = datastoreAclPath(name);
        return (
          hasPrivileges(server, caller, path, { any: ['Datastore.Audit', 'Datastore.Backup'] }) ||
          server.access.anyBelow(caller, path, privileges)
        );
      })
      .map((section) => ({
        store: section.name,
        ...(section.comment === undefined ? {} : { comment: section.comment }),
        'mount-status': mountStatus(server, section),
        'backend-type': parseBackend(section.backend).type,
        ...(section['maintenance-mode'] === undefined ? {} : { maintenance: section['maintenance-mode'] }),
      }));
  }),
];
