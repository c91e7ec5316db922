// verification.cfg as a table (config-and-tasks.md 2).

import { join } from 'node:path';
import type { Directories } from './directories.ts';
import { SectionStore } from './section-store.ts';
import { verifyJobSchema } from './verify-job-schema.ts';

export class VerifyJobConfig extends SectionStore<typeof verifyJobSchema> {
  constructor(directories: Directories) {
    const path = join(directories.config, 'verification.cfg');
    super({ path, type: 'verification', what: 'job', id: 'id', schema: verifyJobSchema });
  }
}
