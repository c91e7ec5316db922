// A folder that becomes a Debian package: modes, copyright, and the build with nothing in it that differs next time.

import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { packageTerms } from './node-packages.ts';

function everything(tree: string): string[] {
  const below = readdirSync(tree, { recursive: true, encoding: 'utf8' });
  return [tree, ...below.map((name) => path.join(tree, name))];
}

/** Bytes of all files. */
export function treeBytes(tree: string): number {
  return everything(tree).reduce((sum, file) => {
    const stat = lstatSync(file);
    return stat.isFile() ? sum + stat.size : sum;
  }, 0);
}

/** Gives everything the mode that it should have whatever the umask was: what can be executed stays so. */
export function chmodTree(tree: string): void {
  for (const file of everything(tree)) {
    const stat = lstatSync(file);
    chmodSync(file, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}

/** The terms of Granary and of each package that comes with it (machine-readable as far as the packages are). */
export function copyright(root: string, packages: readonly string[]): string {
  const parts = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: granary',
    '',
    'Files: *',
    'Copyright: the authors of Granary',
    'License: Apache-2.0',
    ' On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.',
  ];
  for (const one of packages) {
    const { name, license, text } = packageTerms(path.join(root, one));
    parts.push('', `Files: usr/lib/granary/${one}/*`, `Copyright: the authors of ${name}`, `License: ${license}`);
    for (const line of (text ?? '').trim().split('\n')) parts.push(line.trim() === '' ? ' .' : ` ${line.trimEnd()}`);
  }
  return `${parts.join('\n')}\n`;
}

/** Builds the package. Files belong to root, are dated `epoch`, and come in the order of their names. */
export function buildPackage(tree: string, file: string, epoch: number): void {
  for (const one of everything(tree)) utimesSync(one, epoch, epoch);
  const options = ['--root-owner-group', '-Zzstd', '-z3', '--build', tree, file];
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) };
  execFileSync('dpkg-deb', options, { env, stdio: ['ignore', 'ignore', 'inherit'] });
}
