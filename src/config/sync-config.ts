// sync.cfg as a table (config-and-tasks.md 2).

import { join } from 'node:path';
import type { Directories } from './directories.ts';
import { SectionStore } from './section-store.ts';
import { syncJobSchema } from './sync-job-schema.ts';

export class SyncJobConfig extends SectionStore<typeof syncJobSchema> {
  constructor(directories: Directories) {
    const path = join(directories.config, 'sync.cfg');
    super({ path, type: 'sync', what: 'job', id: 'id', schema: syncJobSchema });
  }
}
