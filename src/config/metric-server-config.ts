// metricserver.cfg as a table for each kind of server (config-and-tasks.md 2); names are unique over both.

import { join } from 'node:path';
import type { TObject } from '../model/type.ts';
import type { Directories } from './directories.ts';
import { influxDbHttpSchema, influxDbUdpSchema } from './metric-server-schema.ts';
import { SectionStore } from './section-store.ts';

const types = {
  'influxdb-udp': { schema: influxDbUdpSchema, id: 'name' },
  'influxdb-http': { schema: influxDbHttpSchema, id: 'name' },
};

class MetricServerConfig<S extends TObject> extends SectionStore<S> {
  constructor(directories: Directories, type: keyof typeof types, schema: S) {
    const path = join(directories.config, 'metricserver.cfg');
    super({ path, type, what: 'metric server', id: 'name', schema, others: types });
  }
}

export class InfluxDbUdpConfig extends MetricServerConfig<typeof influxDbUdpSchema> {
  constructor(directories: Directories) {
    super(directories, 'influxdb-udp', influxDbUdpSchema);
  }
}

export class InfluxDbHttpConfig extends MetricServerConfig<typeof influxDbHttpSchema> {
  constructor(directories: Directories) {
    super(directories, 'influxdb-http', influxDbHttpSchema);
  }
}
