// The calls below admin/datastore/.

import { groupEndpoints } from './groups.ts';
import { listEndpoints } from './list.ts';
import { namespaceEndpoints } from './namespace.ts';
import { snapshotEndpoints } from './snapshots.ts';
import { statusEndpoints } from './status.ts';

export const adminDatastoreEndpoints = [
  ...listEndpoints,
  ...groupEndpoints,
  ...snapshotEndpoints,
  ...namespaceEndpoints,
  ...statusEndpoints,
];
