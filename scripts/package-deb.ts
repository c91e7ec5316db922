// Makes two Debian packages, for this machine's architecture or for another one (--architecture arm64). granary-client has
// the program as built JavaScript with its own Node and the backup client; granary has the server's commands and units.
// Nothing is fetched when they are installed, nor when they are built, but for another architecture's Node and native
// packages. The same sources give the same bytes.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { programCompletion } from '../src/cli/programs.ts';
import { buildWeb } from './build-web.ts';
import { buildPackage, chmodTree, copyright, treeBytes } from './package/deb-tree.ts';
import { fetchPackages, installedPackages, packageFiles } from './package/node-packages.ts';

const root = path.join(import.meta.dirname, '..');
const library = '/usr/lib/granary';

/** Where each program's launcher goes; what is not named is a command for every user. */
const systemPrograms = new Set(['proxmox-backup-manager', 'proxmox-backup-proxy', 'proxmox-backup-api']);
/** Called by other programs, never by people. */
const helperPrograms = new Set(['proxmox-mail-forward']);
const clientPrograms = new Set(['proxmox-backup-client', 'pxar', 'granary', 'proxmox-backup-debug']);

interface Facts {
  version: string;
  /** Seconds since 1970 that every file is dated with. */
  epoch: number;
  /** Debian's name. */
  architecture: string;
  /** Node's name of it. */
  cpu: string;
}

/** Debian's names of the architectures that there are packages for, and Node's. */
const architectures = new Map([
  ['amd64', 'x64'],
  ['arm64', 'arm64'],
]);

async function main(): Promise<void> {
  const options = {
    out: { type: 'string', default: path.join(root, 'dist') },
    architecture: { type: 'string' },
  } as const;
  const { values } = parseArgs({ options });
  const out = path.resolve(values.out);
  const facts = readFacts(values.architecture);
  const work = mkdtempSync(path.join(os.tmpdir(), 'granary-deb-'));
  try {
    mkdirSync(out, { recursive: true });
    const packages = facts.cpu === process.arch ? root : fetchPackages(root, path.join(work, 'packages'), facts.cpu);
    console.log(packClient(work, out, facts, packages));
    console.log(await packServer(work, out, facts));
  } finally {
    rmSync(work, { recursive: true });
  }
}

function readFacts(wanted: string | undefined): Facts {
  const architecture = wanted ?? [...architectures].find(([, cpu]) => cpu === process.arch)?.[0] ?? process.arch;
  const cpu = architectures.get(architecture);
  if (cpu === undefined) throw new Error(`no package can be made for ${architecture}`);
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  return { version: `${version}-1`, epoch: sourceDate(), architecture, cpu };
}

/** When the sources were last changed: SOURCE_DATE_EPOCH, else the last commit. */
function sourceDate(): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  return Number(execFileSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8' }));
}

/** `from` has the npm packages of that architecture. */
function packClient(work: string, out: string, facts: Facts, from: string): string {
  const tree = path.join(work, 'granary-client');
  const lib = path.join(tree, library);
  build(lib);
  const packages = installedPackages(from);
  for (const one of packages) {
    for (const file of packageFiles(path.join(from, one))) {
      cpSync(path.join(from, one, file), path.join(lib, one, file), { recursive: true });
    }
  }
  const node = `node_modules/node-linux-${facts.cpu}`;
  mkdirSync(path.join(lib, 'bin'), { recursive: true });
  cpSync(path.join(from, node, 'bin/node'), path.join(lib, 'bin/node'));
  writeFileSync(path.join(lib, 'package.json'), '{ "name": "granary", "type": "module", "private": true }\n');
  addPrograms(tree, (name) => clientPrograms.has(name));
  addDocuments(tree, 'granary-client', facts, { from, packages: [...packages, node] });
  return finish(tree, out, facts, {
    package: 'granary-client',
    depends: 'libc6 (>= 2.28), libgcc-s1, libstdc++6',
    relations: [
      'Provides: proxmox-backup-client',
      'Conflicts: proxmox-backup-client, pxar',
      'Suggests: bash-completion',
    ],
    description: [
      'backup client that speaks the Proxmox Backup protocol',
      'Backs up directories, images and devices to a backup server, encrypted if you like, and restores them.',
      'Brings its own JavaScript runtime; nothing is downloaded.',
    ],
  });
}

async function packServer(work: string, out: string, facts: Facts): Promise<string> {
  const tree = path.join(work, 'granary');
  await buildWeb(path.join(tree, library, 'web/dist'));
  addPrograms(tree, (name) => !clientPrograms.has(name));
  const place = (from: string, to: string): void => {
    const target = path.join(tree, to, path.basename(from));
    cpSync(path.join(root, 'packaging', from), target, { recursive: true });
  };
  for (const unit of readdirSync(path.join(root, 'packaging/systemd'))) {
    place(`systemd/${unit}`, 'usr/lib/systemd/system');
  }
  place('udev/65-granary-removable.rules', 'usr/lib/udev/rules.d');
  place('sysusers.d/granary.conf', 'usr/lib/sysusers.d');
  place('tmpfiles.d/granary.conf', 'usr/lib/tmpfiles.d');
  place('pam.d/proxmox-backup-auth', 'etc/pam.d');
  addDocuments(tree, 'granary', facts, { from: root, packages: [] });
  for (const script of ['postinst', 'prerm', 'postrm']) {
    const text = readFileSync(path.join(root, `packaging/deb/granary.${script}`), 'utf8');
    mkdirSync(path.join(tree, 'DEBIAN'), { recursive: true });
    writeFileSync(path.join(tree, 'DEBIAN', script), text, { mode: 0o755 });
  }
  writeFileSync(path.join(tree, 'DEBIAN/conffiles'), '/etc/pam.d/proxmox-backup-auth\n');
  return finish(tree, out, facts, {
    package: 'granary',
    depends: `granary-client (= ${facts.version}), libcrypt1, libpam0g, init-system-helpers (>= 1.54)`,
    relations: ['Provides: proxmox-backup-server', 'Conflicts: proxmox-backup-server', 'Recommends: libpam-modules'],
    description: [
      'backup server that speaks the Proxmox Backup protocol',
      'Stores each chunk of a backup once, compressed. Existing hosts, clients and datastores work with it unchanged.',
    ],
  });
}

/** Makes JavaScript of the sources, without checking types once more. Files that are named by URL instead of being imported get their new extension, too. */
function build(lib: string): void {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const options = ['-p', path.join(root, 'packaging'), '--outDir', lib, '--noCheck'];
  execFileSync(process.execPath, [tsc, ...options], { stdio: ['ignore', 'inherit', 'inherit'] });
  const templates = 'src/notify/templates';
  cpSync(path.join(root, templates), path.join(lib, templates), { recursive: true });
  for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(path.join(lib, file), 'utf8');
    const fixed = text.replace(/(new URL\('\.[^']*)\.ts(', import\.meta\.url\))/g, '$1.js$2');
    if (fixed !== text) writeFileSync(path.join(lib, file), fixed);
  }
}

function addPrograms(tree: string, wanted: (name: string) => boolean): void {
  for (const name of readdirSync(path.join(root, 'bin')).filter(wanted)) {
    if (helperPrograms.has(name)) {
      write(path.join(tree, 'usr/libexec/granary', name), launcher(name), 0o755);
      continue;
    }
    write(path.join(tree, systemPrograms.has(name) ? 'usr/sbin' : 'usr/bin', name), launcher(name), 0o755);
    const share = path.join(tree, 'usr/share');
    write(path.join(share, 'bash-completion/completions', name), programCompletion(name, 'bash'));
    write(path.join(share, 'zsh/vendor-completions', `_${name}`), programCompletion(name, 'zsh'));
    write(path.join(share, 'fish/vendor_completions.d', `${name}.fish`), programCompletion(name, 'fish'));
  }
}

function launcher(name: string): string {
  return `#!/bin/sh
# Runs ${name}; the server's files are those of the system unless GRANARY_HOME names another folder.
if [ -z "\${GRANARY_HOME-}" ]; then
  GRANARY_LAYOUT=\${GRANARY_LAYOUT-system}
  export GRANARY_LAYOUT
fi
exec ${library}/bin/node --disable-warning=ExperimentalWarning ${library}/src/cli/main.js ${name} "$@"
`;
}

function addDocuments(
  tree: string,
  name: string,
  facts: Facts,
  { from, packages }: { from: string; packages: readonly string[] },
): void {
  const folder = path.join(tree, 'usr/share/doc', name);
  write(path.join(folder, 'copyright'), copyright(from, packages));
  write(path.join(folder, 'README.md'), readFileSync(path.join(root, 'README.md')));
  const date = new Date(facts.epoch * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `${name} (${facts.version}) stable; urgency=medium\n\n  * See README.md.\n\n -- Granary <root@localhost>  ${date}\n`;
  write(path.join(folder, 'changelog.Debian.gz'), gzipSync(entry));
}

interface Control {
  package: string;
  depends: string;
  relations: readonly string[];
  /** One line, then the text. */
  description: readonly string[];
}

function finish(tree: string, out: string, facts: Facts, control: Control): string {
  const [summary, ...text] = control.description;
  const lines = [
    `Package: ${control.package}`,
    `Version: ${facts.version}`,
    `Architecture: ${facts.architecture}`,
    'Maintainer: Granary <root@localhost>',
    `Installed-Size: ${Math.ceil(treeBytes(tree) / 1024)}`,
    `Depends: ${control.depends}`,
    ...control.relations,
    'Section: admin',
    'Priority: optional',
    `Description: ${summary}`,
    ...text.map((line) => ` ${line}`),
  ];
  write(path.join(tree, 'DEBIAN/control'), `${lines.join('\n')}\n`);
  chmodTree(tree);
  const file = path.join(out, `${control.package}_${facts.version}_${facts.architecture}.deb`);
  buildPackage(tree, file, facts.epoch);
  return file;
}

function write(file: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
}

await main();
