// Packages of the machine through apt and dpkg, and the versions of what this server is made of (rest-api.md 7.6
// "apt"). On machines without apt the versions of the server are still told.

import os from 'node:os';
import { GranaryError } from '../base/errors.ts';
import { isMissingProgram } from '../os/run-program.ts';
import type { Machine } from './machine.ts';

/** A package, in the spelling of the field. */
export interface Package {
  Package: string;
  Title: string;
  Arch: string;
  Description: string;
  Version: string;
  /** What is installed now; absent for a package that is new. */
  OldVersion?: string;
  Origin: string;
  Priority: string;
  Section: string;
  ExtraInfo?: string;
}

/** Packages that matter when something does not work; those that are installed are listed. */
const relatedPackages = [
  'ifupdown2',
  'libcrypt1',
  'libpam0g',
  'proxmox-backup-client',
  'proxmox-backup-docs',
  'smartmontools',
  'systemd',
  'util-linux',
  'zfsutils-linux',
];

/** The runtime and the libraries in it, by name. */
export function runtimeVersions(): Record<string, string> {
  const { node, openssl, sqlite, uv, v8, zlib, zstd } = process.versions as Record<string, string | undefined>;
  const glibc = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header
    ?.glibcVersionRuntime;
  const all = { node, glibc, openssl, sqlite, uv, v8, zlib, zstd };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What the server is made of: itself first, then its runtime, then packages that matter to it. */
export async function productVersions(machine: Machine, version: string): Promise<Package[]> {
  const own = (name: string, title: string, installed: string, extra?: string): Package => ({
    Package: name,
    Title: title,
    Arch: debianArchitecture(),
    Description: title,
    Version: installed,
    OldVersion: installed,
    Origin: 'Granary',
    Priority: 'optional',
    Section: 'admin',
    ...(extra === undefined ? {} : { ExtraInfo: extra }),
  });
  return [
    own('proxmox-backup', 'Backup server', `${version}-1`, `running kernel: ${os.release()}`),
    own('proxmox-backup-server', 'Backup server', `${version}-1`, `running version: ${version}`),
    ...Object.entries(runtimeVersions()).map(([name, installed]) => own(name, 'Part of the runtime', installed)),
    ...(await installedPackages(machine, relatedPackages)),
  ];
}

async function installedPackages(machine: Machine, names: readonly string[]): Promise<Package[]> {
  const fields = ['Package', 'Version', 'Architecture', 'Section', 'Priority', 'db:Status-Status', 'binary:Summary'];
  const format = `${fields.map((field) => `\${${field}}`).join('\t')}\n`;
  try {
    // Names that are not known make it fail, but the others are printed all the same.
    const { stdout } = await machine.run(['dpkg-query', '-W', '-f', format, ...names], { accept: [0, 1] });
    return parseDpkgQuery(stdout);
  } catch (error) {
    if (isMissingProgram(error)) return [];
    throw error;
  }
}

export function parseDpkgQuery(text: string): Package[] {
  const packages: Package[] = [];
  for (const line of text.split('\n')) {
    const [name, version, arch, section = '', priority = '', status, summary = ''] = line.split('\t');
    if (!name || !version || !arch || status !== 'installed') continue;
    packages.push({
      Package: name,
      Title: summary,
      Arch: arch,
      Description: summary,
      Version: version,
      OldVersion: version,
      Origin: '',
      Priority: priority,
      Section: section,
    });
  }
  return packages;
}

/** Packages that an upgrade would put in, from the lists that were fetched last. */
export async function listUpdates(machine: Machine): Promise<Package[]> {
  const { stdout } = await aptGet(machine, ['--simulate', '--quiet', 'dist-upgrade']);
  const planned = parseSimulation(stdout);
  const details = new Map<string, Map<string, string>>();
  for (let i = 0; i < planned.length; i += 100) {
    const wanted = planned.slice(i, i + 100).map((one) => `${one.name}=${one.version}`);
    const { stdout: text } = await machine.run(['apt-cache', 'show', ...wanted], { accept: 'any' });
    for (const stanza of parseControl(text)) details.set(`${stanza.get('package')}=${stanza.get('version')}`, stanza);
  }
  return planned.map((one) => {
    const stanza = details.get(`${one.name}=${one.version}`) ?? new Map<string, string>();
    const description = stanza.get('description') ?? stanza.get('description-en') ?? '';
    return {
      Package: one.name,
      Title: description.split('\n')[0] ?? '',
      Arch: one.arch,
      Description: description,
      Version: one.version,
      ...(one.oldVersion === undefined ? {} : { OldVersion: one.oldVersion }),
      Origin: one.origin,
      Priority: stanza.get('priority') ?? '',
      Section: stanza.get('section') ?? '',
    };
  });
}

export interface PlannedPackage {
  name: string;
  oldVersion?: string;
  version: string;
  origin: string;
  arch: string;
}

/** Parses `Inst NAME [OLD] (NEW ORIGIN:SUITE, ... [ARCH])` lines of a simulated upgrade. */
export function parseSimulation(text: string): PlannedPackage[] {
  const planned: PlannedPackage[] = [];
  for (const line of text.split('\n')) {
    const match = /^Inst (\S+)(?: \[([^\]]+)\])? \((\S+) ?(.*?) ?\[([^\]]+)\]\)/.exec(line);
    if (!match) continue;
    const [, name = '', oldVersion, version = '', origins = '', arch = ''] = match;
    const origin = origins.split(':')[0] ?? '';
    planned.push({ name, version, origin, arch, ...(oldVersion === undefined ? {} : { oldVersion }) });
  }
  return planned;
}

/** Stanzas of `Key: value` lines with their continuation lines; keys in lower case. */
export function parseControl(text: string): Map<string, string>[] {
  return text
    .split(/\n[ \t]*\n/)
    .map((stanza) => {
      const fields = new Map<string, string>();
      let last: string | undefined;
      for (const line of stanza.split('\n')) {
        const [, key, value] = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line) ?? [];
        if (key !== undefined && value !== undefined) {
          last = key.toLowerCase();
          fields.set(last, value);
        } else if (last !== undefined && /^[ \t]/.test(line)) {
          const more = line.trim() === '.' ? '' : line.trim();
          fields.set(last, `${fields.get(last)}\n${more}`);
        }
      }
      return fields;
    })
    .filter((fields) => fields.size > 0);
}

/** Fetches the lists of packages anew. */
export async function updatePackageLists(
  machine: Machine,
  o: { log: (line: string) => void; quiet: boolean; signal: AbortSignal },
): Promise<void> {
  await aptGet(machine, [o.quiet ? '-qq' : '-q', 'update'], { onLine: o.log, signal: o.signal, timeoutMs: 900_000 });
}

/** What changed in a package up to a version; fetched from where the package comes from. */
export async function packageChangelog(machine: Machine, name: string, version?: string): Promise<string> {
  const wanted = version === undefined ? name : `${name}=${version}`;
  return (await aptGet(machine, ['-qq', 'changelog', wanted], { timeoutMs: 60_000 })).stdout;
}

/** Throws when the machine has no apt. */
export async function checkApt(machine: Machine): Promise<void> {
  await aptGet(machine, ['--version']);
}

async function aptGet(
  machine: Machine,
  args: readonly string[],
  options: { onLine?: (line: string) => void; signal?: AbortSignal; timeoutMs?: number } = {},
) {
  try {
    return await machine.run(['apt-get', ...args], { timeoutMs: 60_000, ...options });
  } catch (error) {
    if (!isMissingProgram(error)) throw error;
    throw new GranaryError('bad-request', 'packages of this machine are not managed by apt', { cause: error });
  }
}

function debianArchitecture(): string {
  const names: Record<string, string> = { x64: 'amd64', ia32: 'i386', arm: 'armhf' };
  return names[process.arch] ?? process.arch;
}
