// The calls below config/.

import { webauthnConfigEndpoints } from './access/tfa/webauthn.ts';
import { datastoreConfigEndpoints } from './datastore.ts';
import { pruneConfigEndpoints } from './prune.ts';

export const configEndpoints = [...webauthnConfigEndpoints, ...datastoreConfigEndpoints, ...pruneConfigEndpoints];
