// Programs that tests hold the project against: present on the machine of the continuous integration, elsewhere perhaps.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where servers live that a user's PATH may lack. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/bin'];

/**
 * The path of a program, or undefined when this machine does not have it, so that the tests that need it are not
 * declared. Throws in continuous integration, which has to install `debianPackage`.
 */
export function findInstalled(program: string, debianPackage: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...systemFolders]) {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  if (process.env['CI']) throw new Error(`${program} is missing: .ci/run has to install ${debianPackage}`);
  console.log(`not tested against ${program}: install the Debian package ${debianPackage} for that`);
  return undefined;
}
