// The calls below config/acme/.

import { acmeAccountEndpoints } from './accounts.ts';
import { acmePluginEndpoints } from './plugins.ts';

export const acmeEndpoints = [...acmeAccountEndpoints, ...acmePluginEndpoints];
