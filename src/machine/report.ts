// The configuration of server and machine as a report shows it: secrets are left out.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, messageOf } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import type { Machine } from './machine.ts';

/** Files that hold no keys; what they hold of passwords and tokens is hidden. */
const serverFiles = [
  'node.cfg',
  'datastore.cfg',
  'user.cfg',
  'acl.cfg',
  'domains.cfg',
  'remote.cfg',
  'prune.cfg',
  'sync.cfg',
  'verification.cfg',
  'traffic-control.cfg',
  'notifications.cfg',
  'metricserver.cfg',
  'media-pool.cfg',
  'tape.cfg',
  'tape-job.cfg',
];
const machineFiles = ['/etc/hosts', '/etc/resolv.conf', '/etc/network/interfaces', '/proc/mounts'];

/** The files that are there, with their texts; one that cannot be read says why. */
export async function readConfiguration(
  machine: Machine,
  directories: Directories,
): Promise<{ file: string; text: string }[]> {
  const found: { file: string; text: string }[] = [];
  const read = async (file: string, path: string): Promise<void> => {
    try {
      found.push({ file, text: hideSecrets(await readFile(path, 'utf8')) });
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) found.push({ file, text: `not known: ${messageOf(error)}` });
    }
  };
  for (const name of serverFiles) await read(name, join(directories.config, name));
  for (const name of machineFiles) await read(name, machine.path(name));
  return found;
}

/** Hides the values of secret keys, and credentials in addresses. */
export function hideSecrets(text: string): string {
  return text
    .replace(
      /^([ \t]+[\w-]*(?:password|passphrase|secret|token|key|header|body)[\w-]*(?:\s+|:\s*|=))\S.*$/gim,
      '$1(hidden)',
    )
    .replace(/((?:^|[\s=:])(?:[a-z][a-z0-9+.-]*:\/\/)?)[^\s/@:]+:[^\s/@]+@(?=[^\s/])/gim, '$1(hidden)@')
    .replace(/\b(password|pass|credentials|token|secret)=[^,\s]+/gi, '$1=(hidden)');
}
