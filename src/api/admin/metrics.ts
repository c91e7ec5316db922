// Metric servers of all kinds.

import { InfluxDbHttpConfig, InfluxDbUdpConfig } from '../../config/metric-server-config.ts';
import { implement } from '../../wire/implement.ts';
import { listMetricServers } from './metrics.contract.ts';

export const metricListEndpoints = [
  implement(listMetricServers, async (_parameters, call) => {
    const { directories } = call.server;
    const udp = new InfluxDbUdpConfig(directories).list();
    const { data } = new InfluxDbHttpConfig(directories).list();
    call.setAttribute('digest', udp.digest);
    const entry = (type: string, server: string, o: { name: string; enable?: boolean; comment?: string }) => ({
      name: o.name,
      type,
      enable: o.enable ?? true,
      server,
      ...(o.comment === undefined ? {} : { comment: o.comment }),
    });
    return [
      ...udp.data.map((one) => entry('influxdb-udp', one.host, one)),
      ...data.map((one) => entry('influxdb-http', one.url, one)),
    ];
  }),
];
