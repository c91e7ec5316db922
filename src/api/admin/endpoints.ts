// The calls below admin/.

import { auditEndpoints } from './audit/audit.ts';
import { adminDatastoreEndpoints } from './datastore/endpoints.ts';
import { jobListEndpoints } from './jobs.ts';
import { metricListEndpoints } from './metrics.ts';

export const adminEndpoints = [
  ...adminDatastoreEndpoints,
  ...auditEndpoints,
  ...jobListEndpoints,
  ...metricListEndpoints,
];
