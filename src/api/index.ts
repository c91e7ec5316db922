// Every endpoint of the API, and nothing else: lists are explicit (docs/architecture.md, "Adding things").

import type { Endpoint } from '../wire/implement.ts';
import { accessEndpoints } from './access/endpoints.ts';
import { adminEndpoints } from './admin/endpoints.ts';
import { configEndpoints } from './config/endpoints.ts';
import { nodesEndpoints } from './nodes/endpoints.ts';
import { pingEndpoints } from './ping.ts';
import { pullEndpoints } from './pull.ts';
import { pushEndpoints } from './push.ts';
import { statusEndpoints } from './status/endpoints.ts';

export const endpoints: readonly Endpoint[] = [
  ...pingEndpoints,
  ...pullEndpoints,
  ...pushEndpoints,
  ...accessEndpoints,
  ...adminEndpoints,
  ...configEndpoints,
  ...nodesEndpoints,
  ...statusEndpoints,
];
