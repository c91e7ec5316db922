// datastore.cfg as a table (config-and-tasks.md 2).

import { join } from 'node:path';
import { datastoreSchema } from './datastore-schema.ts';
import type { Directories } from './directories.ts';
import { SectionStore } from './section-store.ts';

export class DatastoreConfig extends SectionStore<typeof datastoreSchema> {
  constructor(directories: Directories) {
    super({ path: join(directories.config, 'datastore.cfg'), type: 'datastore', id: 'name', schema: datastoreSchema });
  }
}
