// s3.cfg as a table (config-and-tasks.md 2). It holds secrets, which the unprivileged part needs as well: the group of
// the configuration directory may read it, as it may read remote.cfg.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { ownerFor } from './config-file.ts';
import type { Directories } from './directories.ts';
import { s3EndpointSchema } from './s3-schema.ts';
import { SectionStore } from './section-store.ts';

const pathIn = (directories: Directories): string => join(directories.config, 's3.cfg');

/** Lets the unprivileged part read a file of the original, which keeps it for root alone. For root. */
export function shareS3Config(directories: Directories): void {
  const path = pathIn(directories);
  const present = fs.statSync(path, { throwIfNoEntry: false });
  const owner = ownerFor(path, 0o640);
  if (present === undefined || owner === undefined) return;
  if (present.gid === owner.gid && (present.mode & 0o040) !== 0) return;
  // The group first: nobody else gets to read it.
  fs.chownSync(path, owner.uid, owner.gid);
  fs.chmodSync(path, 0o640);
}

export class S3EndpointConfig extends SectionStore<typeof s3EndpointSchema> {
  constructor(directories: Directories) {
    super({
      path: pathIn(directories),
      type: 's3-endpoint',
      what: 'S3 endpoint',
      id: 'id',
      schema: s3EndpointSchema,
    });
  }
}
