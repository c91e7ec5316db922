// The calls below nodes/.

import { nodeEndpoints } from './node.ts';
import { rrdEndpoints } from './rrd.ts';
import { taskEndpoints } from './tasks.ts';

export const nodesEndpoints = [...nodeEndpoints, ...rrdEndpoints, ...taskEndpoints];
