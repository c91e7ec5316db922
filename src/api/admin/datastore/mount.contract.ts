// Mounting and unmounting removable datastores (rest-api.md 7.3, config-and-tasks.md 9).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

const call = {
  method: 'POST',
  parameters: Type.Object({ store: schema.store }),
  result: schema.upid,
  access: { kind: 'inside', note: 'Datastore.Modify on /datastore/{store} and Sys.Modify on /system/disks.' },
  protected: true,
} as const;

export const mountDatastore = defineEndpoint({
  ...call,
  path: 'admin/datastore/{store}/mount',
  summary: 'Mount a removable datastore, in a task, and run the sync jobs that wait for it.',
});

export const unmountDatastore = defineEndpoint({
  ...call,
  path: 'admin/datastore/{store}/unmount',
  summary: 'Unmount a removable datastore once nothing uses it any more, in a task.',
});
