// The calls below config/.

import { realmConfigEndpoints } from './access/realms.ts';
import { webauthnConfigEndpoints } from './access/tfa/webauthn.ts';
import { acmeEndpoints } from './acme/endpoints.ts';
import { datastoreConfigEndpoints } from './datastore.ts';
import { encryptionKeyEndpoints } from './encryption-keys.ts';
import { metricServerEndpoints } from './metrics/metric-servers.ts';
import { notificationEndpoints } from './notifications/endpoints.ts';
import { pruneConfigEndpoints } from './prune.ts';
import { remoteEndpoints } from './remote.ts';
import { s3Endpoints } from './s3.ts';
import { syncConfigEndpoints } from './sync.ts';
import { trafficControlEndpoints } from './traffic-control.ts';
import { verifyConfigEndpoints } from './verify.ts';

export const configEndpoints = [
  ...acmeEndpoints,
  ...realmConfigEndpoints,
  ...metricServerEndpoints,
  ...notificationEndpoints,
  ...webauthnConfigEndpoints,
  ...datastoreConfigEndpoints,
  ...pruneConfigEndpoints,
  ...verifyConfigEndpoints,
  ...syncConfigEndpoints,
  ...remoteEndpoints,
  ...trafficControlEndpoints,
  ...encryptionKeyEndpoints,
  ...s3Endpoints,
];
