// What a server needs before its first process listens: directories and a certificate.

import type { Clock } from '../base/clock.ts';
import { ensureIdentity } from '../certificates/identity.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';

/** Makes what is missing; `bits` is the size of the key of a certificate that has to be made. */
export async function prepareServer(home: string, clock: Clock, o: { bits?: number } = {}): Promise<Directories> {
  const directories = resolveDirectories(home);
  await createDirectories(directories);
  await ensureIdentity(directories.config, { clock, ...o });
  return directories;
}
