// The calls below config/.

import { datastoreConfigEndpoints } from './datastore.ts';

export const configEndpoints = [...datastoreConfigEndpoints];
