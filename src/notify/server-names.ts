// How this server is called in what it sends: host name, full name, address of its web interface.

import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import type { Directories } from '../config/directories.ts';
import type { ServerNames } from './render.ts';

const usualPort = 8007;

/** The name of this host without its domain, the field `hostname` of notifications. */
export function shortHostname(): string {
  return os.hostname().split('.')[0]!;
}

/** The full name takes the search domain of the machine; the port is the one that the running server announced. */
export async function serverNames(directories: Directories, resolvConf = '/etc/resolv.conf'): Promise<ServerNames> {
  const full = os.hostname();
  const domain = full.includes('.') ? undefined : await searchDomain(resolvConf);
  const fqdn = domain === undefined ? full : `${full}.${domain}`;
  return { hostname: shortHostname(), fqdn, 'base-url': `https://${fqdn}:${await announcedPort(directories)}` };
}

async function searchDomain(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, domain] = [...text.matchAll(/^\s*(?:search|domain)\s+([A-Za-z0-9.-]*[A-Za-z0-9-])/gm)].at(-1) ?? [];
  return domain;
}

/** The port that the server has announced, or the usual one. */
export async function announcedPort(directories: Directories): Promise<number> {
  const text = await readFile(join(directories.run, 'proxy.json'), 'utf8').catch(() => '');
  const port = Number(/"port":\s*(\d+)/.exec(text)?.[1]);
  return port > 0 ? port : usualPort;
}
