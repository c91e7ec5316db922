// The calls below status/.

import { usageEndpoints } from './datastore-usage.ts';
import { healthEndpoints } from './health.ts';
import { metricsEndpoints } from './metrics.ts';

export const statusEndpoints = [...usageEndpoints, ...metricsEndpoints, ...healthEndpoints];
