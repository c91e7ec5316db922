// Measurements of the machine over time.

import { epochSeconds } from '../../base/clock.ts';
import { nodeSeries } from '../../metrics/series.ts';
import { implement } from '../../wire/implement.ts';
import { nodeRrd } from './rrd.contract.ts';

export const rrdEndpoints = [
  implement(nodeRrd, async ({ timeframe, cf }, { server }) =>
    server.metrics.read(nodeSeries, timeframe, cf, epochSeconds(server.clock)),
  ),
];
