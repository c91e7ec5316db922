// Programs that tests hold the project against: present on the machine of the continuous integration, elsewhere perhaps.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where servers live that a user's PATH may lack. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/bin'];

/**
 * The path of a program, or of one that does as well, or undefined when this machine has neither, so that the tests that
 * need it are not declared. Throws in continuous integration, which has to install `debianPackage`.
 */
export function findInstalled(program: string, debianPackage: string, otherwise?: string): string | undefined {
  const found = findProgram(program);
  if (found !== undefined) return found;
  if (process.env['CI']) throw new Error(`${program} is missing: .ci/run has to install ${debianPackage}`);
  const other = otherwise === undefined ? undefined : findProgram(otherwise);
  if (other === undefined)
    console.log(`not tested against ${program}: install the Debian package ${debianPackage} for that`);
  return other;
}

function findProgram(program: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...systemFolders]) {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  return undefined;
}
