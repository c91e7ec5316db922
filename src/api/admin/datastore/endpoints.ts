// The calls below admin/datastore/.

import { accountingEndpoints } from './accounting.ts';
import { catalogEndpoints } from './catalog.ts';
import { comparisonEndpoints } from './comparison.ts';
import { contentEndpoints } from './content.ts';
import { gcEndpoints } from './gc.ts';
import { groupEndpoints } from './groups.ts';
import { jobEndpoints } from './jobs.ts';
import { listEndpoints } from './list.ts';
import { mountEndpoints } from './mount.ts';
import { moveEndpoints } from './move.ts';
import { namespaceEndpoints } from './namespace.ts';
import { datastoreRrdEndpoints } from './rrd.ts';
import { s3RefreshEndpoints } from './s3-refresh.ts';
import { searchEndpoints } from './search.ts';
import { selectionEndpoints } from './selection.ts';
import { simulationEndpoints } from './simulation.ts';
import { snapshotEndpoints } from './snapshots.ts';
import { statusEndpoints } from './status.ts';
import { storedChunkEndpoints } from './stored-chunk.ts';

export const adminDatastoreEndpoints = [
  ...listEndpoints,
  ...gcEndpoints,
  ...groupEndpoints,
  ...snapshotEndpoints,
  ...namespaceEndpoints,
  ...moveEndpoints,
  ...contentEndpoints,
  ...catalogEndpoints,
  ...selectionEndpoints,
  ...storedChunkEndpoints,
  ...searchEndpoints,
  ...jobEndpoints,
  ...simulationEndpoints,
  ...comparisonEndpoints,
  ...statusEndpoints,
  ...mountEndpoints,
  ...s3RefreshEndpoints,
  ...accountingEndpoints,
  ...datastoreRrdEndpoints,
];
