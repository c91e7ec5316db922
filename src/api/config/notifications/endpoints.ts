// The calls below config/notifications/.

import { notificationKindEndpoints } from './kinds.ts';
import { notificationTargetEndpoints } from './targets.ts';

export const notificationEndpoints = [...notificationKindEndpoints, ...notificationTargetEndpoints];
