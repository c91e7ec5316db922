// The calls below config/.

import { datastoreConfigEndpoints } from './datastore.ts';
import { pruneConfigEndpoints } from './prune.ts';

export const configEndpoints = [...datastoreConfigEndpoints, ...pruneConfigEndpoints];
