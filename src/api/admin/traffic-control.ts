// Rules of traffic control with what passes under them now, in all processes of the server.

import { TrafficControlConfig } from '../../config/traffic-control-config.ts';
import { implement } from '../../wire/implement.ts';
import { currentRates } from '../../wire/shared-bucket.ts';
import { listTraffic } from './traffic-control.contract.ts';

export const trafficEndpoints = [
  implement(listTraffic, async (_parameters, call) => {
    const { directories } = call.server;
    const { data, digest } = new TrafficControlConfig(directories).list();
    call.setAttribute('digest', digest);
    return data.map((rule) => {
      const rates = currentRates(directories, rule.name);
      return { ...rule, 'cur-rate-in': rates.in, 'cur-rate-out': rates.out };
    });
  }),
];
