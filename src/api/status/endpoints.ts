// The calls below status/.

import { usageEndpoints } from './datastore-usage.ts';
import { metricsEndpoints } from './metrics.ts';

export const statusEndpoints = [...usageEndpoints, ...metricsEndpoints];
