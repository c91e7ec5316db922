// Datastores on removable devices as they are configured, for whoever mounts or unmounts one.

import { GranaryError } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import type { DatastoreSection } from '../config/datastore-schema.ts';
import { checkMaintenance, parseMaintenanceMode } from '../config/maintenance.ts';
import { isRemovable, type RemovableDatastore } from '../machine/mount-datastore.ts';
import type { ServerContext } from '../wire/context.ts';

/** A configured datastore on a removable device. Throws for an unknown one, and for one without a device. */
export function removableSection(
  server: Pick<ServerContext, 'directories'>,
  name: string,
): DatastoreSection & RemovableDatastore {
  const section = new DatastoreConfig(server.directories).get(name).data;
  if (isRemovable(section)) return section;
  throw new GranaryError('bad-request', `datastore '${name}' is not removable`);
}

/** Throws when a task of the server is about to take the datastore away. */
export function checkSettled(section: DatastoreSection): void {
  checkNotUnmounting(section);
  checkMaintenance(section.name, section['maintenance-mode'], 'lookup');
}

export function checkNotUnmounting({ name, 'maintenance-mode': mode }: DatastoreSection): void {
  if (mode !== undefined && parseMaintenanceMode(mode).type === 'unmount') checkMaintenance(name, mode, 'read');
}
