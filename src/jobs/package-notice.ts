// Tells of packages that can be upgraded: each version once, however often the lists are fetched
// (config-and-tasks.md 8.3, rest-api.md 7.6 "apt").

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { epochSeconds } from '../base/clock.ts';
import { isObject } from '../config/json-file.ts';
import { shortHostname } from '../notify/server-names.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { ownerIn } from '../os/inherit-owner.ts';
import type { ServerContext } from '../wire/context.ts';
import { tell } from './job-notice.ts';

/** A package with the version that an upgrade would put in. */
export interface PackageUpdate {
  Package: string;
  Version: string;
  OldVersion?: string;
}

/** Spools a notification if any of these was not told of yet; whether it did. */
export async function tellOfPackages(
  server: Pick<ServerContext, 'directories' | 'clock'>,
  updates: readonly PackageUpdate[],
): Promise<boolean> {
  const { state } = server.directories;
  const path = join(state, 'told-packages.json');
  const told = await readTold(path);
  const isNew = updates.some(({ Package: name, Version: version }) => told[name] !== version);
  if (isNew) {
    const columns = [
      { id: 'Package', label: 'Package' },
      { id: 'OldVersion', label: 'Installed' },
      { id: 'Version', label: 'New' },
    ];
    const data = updates.map(({ Package: name, Version: version, OldVersion: old }) => ({
      Package: name,
      Version: version,
      ...(old === undefined ? {} : { OldVersion: old }),
    }));
    await tell(server, undefined, {
      severity: 'info',
      timestamp: epochSeconds(server.clock),
      fields: { type: 'package-updates', hostname: shortHostname() },
      template: 'package-updates',
      data: { updates: { schema: { columns }, data } },
    });
  }
  const now = Object.fromEntries(updates.map((update) => [update.Package, update.Version]));
  const owner = ownerIn(state);
  await replaceFile(path, `${JSON.stringify(now)}\n`, { mode: 0o644, ...(owner === undefined ? {} : { owner }) });
  return isNew;
}

/** What was told; a file that is missing or damaged says that nothing was. */
async function readTold(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
