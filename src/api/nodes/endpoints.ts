// The calls below nodes/.

import { aptEndpoints } from './apt.ts';
import { calendarEventEndpoints } from './calendar-events.ts';
import { certificateEndpoints } from './certificates.ts';
import { nodeConfigEndpoints } from './config.ts';
import { consoleEndpoints } from './console.ts';
import { diskEndpoints } from './disks.ts';
import { dnsEndpoints } from './dns.ts';
import { logEndpoints } from './log.ts';
import { networkEndpoints } from './network.ts';
import { nodeEndpoints } from './node.ts';
import { reportEndpoints } from './report.ts';
import { rrdEndpoints } from './rrd.ts';
import { serviceEndpoints } from './services.ts';
import { subscriptionEndpoints } from './subscription.ts';
import { taskEndpoints } from './tasks.ts';
import { timeEndpoints } from './time.ts';

export const nodesEndpoints = [
  ...nodeEndpoints,
  ...calendarEventEndpoints,
  ...certificateEndpoints,
  ...nodeConfigEndpoints,
  ...aptEndpoints,
  ...consoleEndpoints,
  ...diskEndpoints,
  ...dnsEndpoints,
  ...reportEndpoints,
  ...logEndpoints,
  ...networkEndpoints,
  ...rrdEndpoints,
  ...serviceEndpoints,
  ...subscriptionEndpoints,
  ...taskEndpoints,
  ...timeEndpoints,
];
