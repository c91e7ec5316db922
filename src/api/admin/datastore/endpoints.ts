// The calls below admin/datastore/.

import { accountingEndpoints } from './accounting.ts';
import { catalogEndpoints } from './catalog.ts';
import { contentEndpoints } from './content.ts';
import { gcEndpoints } from './gc.ts';
import { groupEndpoints } from './groups.ts';
import { jobEndpoints } from './jobs.ts';
import { listEndpoints } from './list.ts';
import { namespaceEndpoints } from './namespace.ts';
import { datastoreRrdEndpoints } from './rrd.ts';
import { snapshotEndpoints } from './snapshots.ts';
import { statusEndpoints } from './status.ts';

export const adminDatastoreEndpoints = [
  ...listEndpoints,
  ...gcEndpoints,
  ...groupEndpoints,
  ...snapshotEndpoints,
  ...namespaceEndpoints,
  ...contentEndpoints,
  ...catalogEndpoints,
  ...jobEndpoints,
  ...statusEndpoints,
  ...accountingEndpoints,
  ...datastoreRrdEndpoints,
];
