// The calls below nodes/.

import { certificateEndpoints } from './certificates.ts';
import { nodeEndpoints } from './node.ts';
import { rrdEndpoints } from './rrd.ts';
import { taskEndpoints } from './tasks.ts';

export const nodesEndpoints = [...certificateEndpoints, ...nodeEndpoints, ...rrdEndpoints, ...taskEndpoints];
