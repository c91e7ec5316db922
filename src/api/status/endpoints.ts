// The calls below status/.

import { usageEndpoints } from './datastore-usage.ts';

export const statusEndpoints = [...usageEndpoints];
