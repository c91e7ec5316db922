// prune.cfg as a table (config-and-tasks.md 2).

import { join } from 'node:path';
import type { Directories } from './directories.ts';
import { pruneJobSchema } from './prune-job-schema.ts';
import { SectionStore } from './section-store.ts';

export class PruneJobConfig extends SectionStore<typeof pruneJobSchema> {
  constructor(directories: Directories) {
    const path = join(directories.config, 'prune.cfg');
    super({ path, type: 'prune', what: 'job', id: 'id', schema: pruneJobSchema });
  }
}
