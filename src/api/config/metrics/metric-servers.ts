// Servers that measurements are sent to: each is tried before its settings are kept.

import { InfluxDbHttpConfig, InfluxDbUdpConfig } from '../../../config/metric-server-config.ts';
import { probeInfluxDbHttp, probeInfluxDbUdp } from '../../../metrics/influxdb-probe.ts';
import { implementConfig } from '../../config-object.ts';
import { influxDbHttpContracts, influxDbUdpContracts } from './metric-servers.contract.ts';

/** Whether a server that is used has another value in one of these fields than before. */
function isToTry<T extends { enable?: boolean }>(next: T | undefined, before: T | undefined, ...fields: (keyof T)[]) {
  if (next === undefined || next.enable === false) return false;
  return before === undefined || before.enable === false || fields.some((field) => next[field] !== before[field]);
}

export const metricServerEndpoints = [
  ...Object.values(
    implementConfig(influxDbUdpContracts, {
      open: (directories) => new InfluxDbUdpConfig(directories),
      async check(_call, next, before) {
        if (next && isToTry(next, before, 'host')) await probeInfluxDbUdp(next.host);
      },
    }),
  ),

  ...Object.values(
    implementConfig(influxDbHttpContracts, {
      open: (directories) => new InfluxDbHttpConfig(directories),
      async check(_call, next, before) {
        if (next && isToTry(next, before, 'url', 'token', 'verify-tls')) await probeInfluxDbHttp(next);
      },
    }),
  ),
];
