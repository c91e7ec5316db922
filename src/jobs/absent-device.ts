// Jobs of datastores whose devices are not there: they are no failures, they wait (config-and-tasks.md 9).

import { DatastoreConfig } from '../config/datastore-config.ts';
import { parseMaintenanceMode } from '../config/maintenance.ts';
import { mountStatus } from '../machine/removable-datastore.ts';
import type { ServerContext } from '../wire/context.ts';

type Rooms = Pick<ServerContext, 'directories' | 'machine'>;

/** Whether a datastore is on a removable device that is not mounted, or about to be unmounted. */
export function isAway(server: Rooms, store: string): boolean {
  const section = new DatastoreConfig(server.directories).find(store);
  if (section?.['backing-device'] === undefined) return false;
  const mode = section['maintenance-mode'];
  const isLeaving = mode !== undefined && parseMaintenanceMode(mode).type === 'unmount';
  return isLeaving || mountStatus(server, section) === 'notmounted';
}

/** Whether a job cannot run before a device is there. */
export function waitsForDevice(server: Rooms, job: { store?: string; otherStore?: string }): boolean {
  return [job.store, job.otherStore].some((store) => store !== undefined && isAway(server, store));
}
