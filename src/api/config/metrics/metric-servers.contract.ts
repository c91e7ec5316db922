// Servers that measurements are sent to (rest-api.md 7.5).

import { influxDbHttpSchema, influxDbUdpSchema } from '../../../config/metric-server-schema.ts';
import type { Access } from '../../../model/endpoint.ts';
import { configContracts } from '../../config-object.contract.ts';

const read: Access = { kind: 'privilege', path: '/', all: ['Sys.Audit'] };
const write: Access = { kind: 'privilege', path: '/', all: ['Sys.Modify'] };
const access = { list: read, read, create: write, update: write, remove: write };

export const influxDbUdpContracts = configContracts({
  path: 'config/metrics/influxdb-udp',
  what: ['InfluxDB server by UDP', 'InfluxDB servers by UDP'],
  schema: influxDbUdpSchema,
  id: 'name',
  deletable: ['enable', 'mtu', 'comment'],
  access,
});

export const influxDbHttpContracts = configContracts({
  path: 'config/metrics/influxdb-http',
  what: ['InfluxDB server by HTTP', 'InfluxDB servers by HTTP'],
  schema: influxDbHttpSchema,
  id: 'name',
  deletable: ['enable', 'token', 'bucket', 'organization', 'max-body-size', 'verify-tls', 'comment'],
  secret: ['token'],
  access,
});
