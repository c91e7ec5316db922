// s3.cfg as a table (config-and-tasks.md 2). It holds secrets, which the unprivileged part needs as well: the group of
// the configuration directory may read it, as it may read remote.cfg.

import { join } from 'node:path';
import type { Directories } from './directories.ts';
import { s3EndpointSchema } from './s3-schema.ts';
import { SectionStore } from './section-store.ts';

export class S3EndpointConfig extends SectionStore<typeof s3EndpointSchema> {
  constructor(directories: Directories) {
    super({
      path: join(directories.config, 's3.cfg'),
      type: 's3-endpoint',
      what: 'S3 endpoint',
      id: 'id',
      schema: s3EndpointSchema,
    });
  }
}
