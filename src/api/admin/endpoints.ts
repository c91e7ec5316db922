// The calls below admin/.

import { auditEndpoints } from './audit/audit.ts';
import { calendarEndpoints } from './calendar.ts';
import { adminDatastoreEndpoints } from './datastore/endpoints.ts';
import { jobEndpoints } from './jobs.ts';
import { metricListEndpoints } from './metrics.ts';
import { s3AdminEndpoints } from './s3/s3.ts';
import { trafficEndpoints } from './traffic-control.ts';

export const adminEndpoints = [
  ...adminDatastoreEndpoints,
  ...auditEndpoints,
  ...calendarEndpoints,
  ...jobEndpoints,
  ...metricListEndpoints,
  ...s3AdminEndpoints,
  ...trafficEndpoints,
];
