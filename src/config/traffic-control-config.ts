// traffic-control.cfg as a table (config-and-tasks.md 2).

import { join } from 'node:path';
import type { Directories } from './directories.ts';
import { SectionStore } from './section-store.ts';
import { trafficRuleSchema } from './traffic-control-schema.ts';

export class TrafficControlConfig extends SectionStore<typeof trafficRuleSchema> {
  constructor(directories: Directories) {
    const path = join(directories.config, 'traffic-control.cfg');
    super({ path, type: 'rule', what: 'traffic control rule', id: 'name', schema: trafficRuleSchema });
  }
}
