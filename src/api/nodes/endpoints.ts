// The calls below nodes/.

import { nodeEndpoints } from './node.ts';
import { taskEndpoints } from './tasks.ts';

export const nodesEndpoints = [...nodeEndpoints, ...taskEndpoints];
