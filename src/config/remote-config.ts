// remote.cfg as a table (config-and-tasks.md 2). Passwords are in it in base64: for nobody but the server.

import { join } from 'node:path';
import type { Directories } from './directories.ts';
import { type Remote, remoteSchema } from './remote-schema.ts';
import { SectionStore } from './section-store.ts';

export class RemoteConfig extends SectionStore<typeof remoteSchema> {
  constructor(directories: Directories) {
    super({ path: join(directories.config, 'remote.cfg'), type: 'remote', id: 'name', schema: remoteSchema });
  }
}

/** The password as it stands in the file. */
export function encodeRemotePassword(password: string): string {
  return Buffer.from(password).toString('base64');
}

export function remotePassword(remote: Remote): string {
  return Buffer.from(remote.password, 'base64').toString();
}
