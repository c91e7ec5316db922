// Rules of traffic control.

import { TrafficControlConfig } from '../../config/traffic-control-config.ts';
import type { TrafficRule } from '../../config/traffic-control-schema.ts';
import { implementConfig } from '../config-object.ts';
import { storedRates } from './stored-rates.ts';
import { trafficRuleContracts } from './traffic-control.contract.ts';

export const trafficControlEndpoints = Object.values(
  implementConfig(trafficRuleContracts, {
    open: (directories) => new TrafficControlConfig(directories),
    stored: (given) => ({ ...given, ...storedRates(given) }) as Partial<TrafficRule>,
  }),
);
