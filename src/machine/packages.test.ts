// Packages and their sources, from recorded and damaged output of apt and dpkg.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { enableRepository, parseDeb822, parseList, readPackageSources } from './package-sources.ts';
import {
  checkApt,
  listUpdates,
  packageChangelog,
  parseControl,
  parseDpkgQuery,
  parseSimulation,
  productVersions,
  updatePackageLists,
} from './packages.ts';
import { FakeMachine } from './testing/fake-machine.ts';

let home: string;
let directories: Directories;
before(async () => {
  home = scratchFolder('granary-packages-');
  directories = resolveDirectories(home, 'home');
  await createDirectories(directories);
});
after(() => rmSync(home, { recursive: true }));

const simulated = `NOTE: This is only a simulation!
Reading package lists...
Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])
Inst libgcrypt20-dev [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst linux-image-new (6.1.0-40 Debian-Security:12/oldstable-security [amd64])
Inst local-only [1] (2 [all])
Inst broken [1] (
Conf base-files (12.4+deb12u15 Debian:12.15/oldstable [amd64])
`;
const shown = `Package: base-files
Version: 12.4+deb12u15
Description: Debian base system miscellaneous files
 This package contains the basic filesystem hierarchy.
 .
 And more.
Section: admin
Priority: required

Package: linux-image-new
Version: 6.1.0-40
Section: kernel
Priority: optional
Description-en: Linux

`;

test('updates are those of a simulated upgrade, with what apt-cache knows of them', async () => {
  assert.deepEqual(
    parseSimulation(simulated).map((one) => [one.name, one.oldVersion, one.version, one.origin, one.arch]),
    [
      ['base-files', '12.4+deb12u11', '12.4+deb12u15', 'Debian', 'amd64'],
      ['libgcrypt20-dev', '1.10.1-3', '1.10.1-3+deb12u1', 'Debian', 'amd64'],
      ['linux-image-new', undefined, '6.1.0-40', 'Debian-Security', 'amd64'],
      ['local-only', '1', '2', '', 'all'],
    ],
  );
  for (let length = 0; length < simulated.length; length += 3) parseSimulation(simulated.slice(0, length));
  using machine = new FakeMachine({}, { 'apt-get': () => simulated, 'apt-cache': () => shown });
  const updates = await listUpdates(machine);
  assert.deepEqual(updates[0], {
    Package: 'base-files',
    Title: 'Debian base system miscellaneous files',
    Arch: 'amd64',
    Description:
      'Debian base system miscellaneous files\nThis package contains the basic filesystem hierarchy.\n\nAnd more.',
    Version: '12.4+deb12u15',
    OldVersion: '12.4+deb12u11',
    Origin: 'Debian',
    Priority: 'required',
    Section: 'admin',
  });
  assert.deepEqual([updates[1]!.Title, updates[2]!.Title], ['', 'Linux']);
  assert.deepEqual(machine.calls, [
    'apt-get --simulate --quiet dist-upgrade',
    'apt-cache show base-files=12.4+deb12u15 libgcrypt20-dev=1.10.1-3+deb12u1 linux-image-new=6.1.0-40 local-only=2',
  ]);
  using none = new FakeMachine({}, { 'apt-get': () => 'Reading package lists...\n' });
  assert.deepEqual(await listUpdates(none), []);
});

test('lists are fetched and changelogs read; a machine without apt says so', async () => {
  const lines: string[] = [];
  using machine = new FakeMachine(
    {},
    { 'apt-get': (args) => (args.includes('changelog') ? 'what changed\n' : 'Hit:1 x\n') },
  );
  const signal = new AbortController().signal;
  await updatePackageLists(machine, { log: (line) => lines.push(line), quiet: false, signal });
  assert.deepEqual(lines, ['Hit:1 x']);
  assert.equal(await packageChangelog(machine, 'zstd', '1.5'), 'what changed\n');
  assert.deepEqual(machine.calls, ['apt-get -q update', 'apt-get -qq changelog zstd=1.5']);
  using bare = new FakeMachine();
  await assert.rejects(checkApt(bare), { message: 'packages of this machine are not managed by apt' });
});

const queried =
  'libcrypt1\t1:4.4.33-2\tamd64\tlibs\toptional\tinstalled\tlibcrypt shared library\nold\t1\tall\tx\ty\tconfig-files\tgone\n';

test('versions begin with the server itself, then its runtime and what is installed', async () => {
  using machine = new FakeMachine(
    {},
    { 'dpkg-query': () => ({ code: 1, stdout: queried, stderr: 'no packages found' }) },
  );
  const versions = await productVersions(machine, '4.2.3');
  const named = Object.fromEntries(versions.map((one) => [one.Package, one]));
  assert.equal(named['proxmox-backup-server']!.ExtraInfo, 'running version: 4.2.3');
  assert.match(named['proxmox-backup']!.ExtraInfo!, /^running kernel: \S+$/);
  assert.equal(named['node']!.Version, process.versions.node);
  assert.equal(named['libcrypt1']!.Version, '1:4.4.33-2');
  assert.equal(named['old'], undefined);
  assert.match(machine.calls[0]!, /^dpkg-query -W -f \$\{Package\}\t\$\{Version\}/);
  for (let length = 0; length < queried.length; length++) parseDpkgQuery(queried.slice(0, length));
  using bare = new FakeMachine();
  assert.ok((await productVersions(bare, '1.2.3')).length >= 6);
});

test('control text is read stanza by stanza, whatever stands in it', () => {
  assert.deepEqual(
    parseControl(' orphan\nA: 1\n 2\n\n\nB:\n').map((one) => Object.fromEntries(one)),
    [{ a: '1\n2' }, { b: '' }],
  );
});

const list = `# deb cdrom:[Debian]/ bookworm main
deb http://mirror.example.org/debian bookworm main contrib # mirror
#deb-src [arch=amd64,arm64 signed-by=/k.gpg] http://mirror.example.org/debian bookworm main

# deb packages are nice and so are others
deb
`;
const sources = `# the main one
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Enabled: no
Types: deb
URIs: file:/srv/packages
Suites: ./
`;

test('sources are read in both forms, comments and prose told apart', () => {
  const [disc, ...others] = parseList(list);
  assert.deepEqual([disc!.URIs, disc!.Enabled], [['cdrom:[Debian]/'], false]);
  assert.deepEqual(others, [
    {
      Types: ['deb'],
      URIs: ['http://mirror.example.org/debian'],
      Suites: ['bookworm'],
      Components: ['main', 'contrib'],
      Comment: 'mirror',
      FileType: 'list',
      Enabled: true,
    },
    {
      Types: ['deb-src'],
      URIs: ['http://mirror.example.org/debian'],
      Suites: ['bookworm'],
      Components: ['main'],
      Options: [
        { Key: 'arch', Values: ['amd64', 'arm64'] },
        { Key: 'signed-by', Values: ['/k.gpg'] },
      ],
      FileType: 'list',
      Enabled: false,
    },
  ]);
  const [main, local] = parseDeb822(sources);
  assert.deepEqual(
    [main!.Types, main!.Suites, main!.Comment, main!.Enabled],
    [['deb', 'deb-src'], ['bookworm', 'bookworm-updates'], 'the main one', true],
  );
  assert.equal(main!.Options![0]!.Key, 'Signed-By');
  assert.deepEqual([local!.Enabled, local!.Components], [false, []]);
  assert.throws(() => parseDeb822('Types: deb\n'), /a stanza has no 'URIs'/);
  assert.throws(() => parseDeb822('Types: deb\nnonsense\n'), /line 2 is neither a field nor a comment/);
});

test('a repository is turned on and off where it stands; broken files are errors, not failures', async () => {
  const paths = { list: '/etc/apt/sources.list', deb822: '/etc/apt/sources.list.d/debian.sources' };
  using machine = new FakeMachine({
    [paths.list]: list,
    [paths.deb822]: sources,
    '/etc/apt/sources.list.d/broken.sources': 'nonsense\n',
    '/etc/apt/sources.list.d/ignored.list.bak': list,
  });
  const first = await readPackageSources(machine);
  assert.deepEqual(
    first.files.map((one) => one.path),
    [paths.list, paths.deb822],
  );
  assert.equal(first.files[0]!.digest.length, 32);
  assert.deepEqual(first.errors, [
    { path: '/etc/apt/sources.list.d/broken.sources', error: 'line 1 is neither a field nor a comment' },
  ]);
  const set = (path: string, index: number, enabled: boolean, digest?: string) =>
    enableRepository(machine, directories, { path, index, enabled, digest });
  const text = (path: string) => readFileSync(join(machine.folder, path), 'utf8');
  await set(paths.list, 1, false, first.digest);
  await assert.rejects(set(paths.list, 1, true, first.digest), /detected modified/);
  assert.equal(text(paths.list), list.replace('deb http', '# deb http'));
  await set(paths.list, 2, true);
  assert.match(text(paths.list), /^deb-src \[arch/m);
  await set(paths.deb822, 0, false);
  assert.equal(text(paths.deb822), sources.replace(' .\n\n', ' .\nEnabled: no\n\n'));
  await set(paths.deb822, 1, true);
  assert.match(text(paths.deb822), /\n\nEnabled: yes\nTypes: deb\n/);
  await assert.rejects(set(paths.list, 3, true), /has no repository 3/);
  await assert.rejects(set('/etc/passwd', 0, false), /"\/etc\/passwd" is no file of apt's sources/);
});
