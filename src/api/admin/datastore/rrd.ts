// Measurements of a datastore over time; a datastore that cannot be used now still has a past.

import { epochSeconds } from '../../../base/clock.ts';
import { GranaryError } from '../../../base/errors.ts';
import { datastoreSeries } from '../../../metrics/series.ts';
import { implement } from '../../../wire/implement.ts';
import { datastoreRrd } from './rrd.contract.ts';

export const datastoreRrdEndpoints = [
  implement(datastoreRrd, async ({ store, timeframe, cf }, { server }) => {
    if (!(await server.datastores.names()).includes(store)) {
      throw new GranaryError('bad-request', `no such datastore '${store}'`);
    }
    return server.metrics.read(datastoreSeries(store), timeframe, cf, epochSeconds(server.clock));
  }),
];
