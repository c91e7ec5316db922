// What a server needs before its first process serves: directories, keys and a certificate. In an installation the
// privileged process makes them and gives them to the user of the others (access-control.md 8).

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AccessControl } from '../access/access-control.ts';
import type { Clock } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { certificateFiles, ensureIdentity } from '../certificates/identity.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { shareS3Config } from '../config/s3-config.ts';
import { systemAccount } from '../os/accounts.ts';
import type { FileOwner } from '../os/inherit-owner.ts';

/** The user that the unprivileged processes of an installation run as. */
export const serviceUser = 'backup';

/** Makes what is missing; `bits` is the size of the key of a certificate that has to be made. */
export async function prepareServer(
  home: string,
  clock: Clock,
  o: { bits?: number; owner?: FileOwner } = {},
): Promise<Directories> {
  const directories = resolveDirectories(home);
  await createDirectories(directories, o.owner);
  if (o.owner !== undefined) shareS3Config(directories);
  // Keys are made here, not by several processes at the same time.
  await AccessControl.open(directories, clock);
  await ensureIdentity(directories.config, { clock, ...(o.bits === undefined ? {} : { bits: o.bits }) });
  return directories;
}

/** What the unprivileged part finds; throws `config-invalid` when the privileged one has not been there yet. */
export function preparedServer(home: string): Directories {
  const directories = resolveDirectories(home);
  const { certificate, key } = certificateFiles(directories.config);
  for (const file of [
    join(directories.config, 'authkey.pub'),
    join(directories.config, 'csrf.key'),
    certificate,
    key,
  ]) {
    if (existsSync(file)) continue;
    throw new GranaryError('config-invalid', `there is no '${file}'`, {
      details: { hint: `The privileged part makes it: start 'proxmox-backup-api' (proxmox-backup.service) first.` },
    });
  }
  return directories;
}

/** Owner of the shared directories of an installation; undefined where this process cannot give files away. */
export function installationOwner(): FileOwner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = systemAccount(serviceUser);
  if (owner !== undefined) return owner;
  throw new GranaryError('config-invalid', `this machine has no user '${serviceUser}', which the server runs as`);
}
