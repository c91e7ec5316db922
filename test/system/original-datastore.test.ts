// A datastore written by the original product: everything in it is listed, read and restored by our client through
// our server (test/golden/pbs-3.2.4).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestServer } from '../support/server.ts';

const golden = join(import.meta.dirname, '../golden/pbs-3.2.4');
const T1 = '2023-11-14T22:13:20Z';
const T2 = '2023-11-15T22:13:20Z';
const env = { PBS_ENCRYPTION_PASSWORD: 'scrypt-passphrase-123' };
const plainKey = ['--keyfile', join(golden, 'keys/enc-none.key')];
const scryptKey = ['--keyfile', join(golden, 'keys/enc-scrypt.key')];
const isRoot = process.getuid?.() === 0;

let server: TestServer;
before(async () => {
  server = await TestServer.start({ onDisk: true });
  mkdirSync(server.path('stores'));
  execFileSync('tar', [
    '--zstd',
    ...(isRoot ? ['--numeric-owner'] : []),
    '-xf',
    join(golden, 'datastore.tar.zst'),
    '-C',
    server.path('stores'),
  ]);
  const created = await server.manager('datastore', 'create', 'fixture', server.path('stores/fixture'));
  assert.equal(created.code, 0, created.err);
});
after(() => server[Symbol.asyncDispose]());

const client = (...words: string[]) => server.client('fixture', words, { env });
const text = (name: string): string => readFileSync(join(golden, name), 'utf8');

test('listings are equal to those of the product', async () => {
  const bySnapshot = (data: string): unknown[] =>
    (JSON.parse(data) as Record<string, unknown>[]).toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  const key = (e: Record<string, unknown>): string => `${e['backup-type']}/${e['backup-id']}/${e['backup-time']}`;
  const files = (list: unknown[]): unknown[] =>
    (list as { files: string[] }[]).map((entry) => ({ ...entry, files: [...entry.files].sort() }));
  const json = ['--output-format', 'json'];
  assert.deepEqual(bySnapshot((await client('snapshots', ...json)).out), bySnapshot(text('cli/snapshot-list.json')));
  assert.deepEqual(files(bySnapshot((await client('list', ...json)).out)), files(bySnapshot(text('cli/list.json'))));
  assert.equal((await client('list')).out, text('cli/list.txt'));
  assert.equal((await client('snapshots')).out, text('cli/snapshot-list.txt'));
  assert.equal((await client('namespace', 'list')).out, text('cli/namespace-list.txt'));
  assert.equal(
    (await client('snapshot', 'notes', 'show', `host/plain-host/${T2}`)).out,
    text('cli/snapshot-notes.txt'),
  );
  assert.equal(
    (await client('prune', 'host/plain-host', '--dry-run', '--keep-last', '5')).out,
    text('cli/prune-dry-run.txt'),
  );
});

test('catalogs are dumped as the product dumps them, plain and encrypted', async () => {
  for (const [snapshot, name, keys] of [
    [`host/plain-host/${T1}`, `host_plain-host.${T1}`, []],
    [`host/enc-host/${T2}`, `host_enc-host.${T2}`, plainKey],
    [`host/scrypt-host/${T1}`, `host_scrypt-host.${T1}`, scryptKey],
  ] as const) {
    const { err, code } = await client('catalog', 'dump', snapshot, ...keys);
    assert.equal(code, 0, err);
    assert.equal(err, text(`cli/catalog-dump.${name}.txt`));
  }
});

interface Expected {
  path: string | null;
  path_base64?: string;
  type: string;
  mode: string;
  uid: number;
  gid: number;
  mtime_ns: number;
  size?: number;
  sha256?: string;
}

/** Compares what was restored with the listing made from the source; only root can set owners and make devices. */
function checkTree(listing: string, root: string): void {
  const lines = text(listing).trim().split('\n');
  let seen = 0;
  for (const line of lines) {
    const entry = JSON.parse(line) as Expected;
    const path = Buffer.concat([
      Buffer.from(`${root}/`),
      entry.path === null ? Buffer.from(entry.path_base64!, 'base64') : Buffer.from(entry.path),
    ]);
    if (!isRoot && /char|block/.test(entry.type)) continue;
    const stat = lstatSync(path, { bigint: true });
    const what = `${listing}: ${entry.path}`;
    // Without its owner a file keeps no setuid and setgid bits.
    const bits = isRoot ? 0o7777 : 0o777;
    assert.equal(Number(stat.mode) & bits, Number.parseInt(entry.mode, 8) & bits, what);
    if (isRoot) assert.deepEqual([Number(stat.uid), Number(stat.gid)], [entry.uid, entry.gid], what);
    // The listing's nanoseconds went through JSON as an exact integer text.
    const nanos = BigInt(/"mtime_ns": ?(-?\d+)/.exec(line)![1]!);
    assert.equal(stat.mtimeNs, nanos, what);
    if (entry.sha256 !== undefined && (isRoot || Number.parseInt(entry.mode, 8) & 0o400)) {
      assert.equal(hash('sha256', readFileSync(path)), entry.sha256, what);
    }
    seen++;
  }
  assert.ok(seen > 3 && readdirSync(root).length > 0);
}

test('trees come back with content, modes, owners and times, whatever the key', async () => {
  const trees: [snapshot: string, archive: string, listing: string, ...more: string[]][] = [
    [`host/plain-host/${T1}`, 'root.pxar', 'tree-T1'],
    [`host/plain-host/latest`, 'root.pxar', 'tree-T2'],
    [`host/enc-host/${T1}`, 'root.pxar', 'tree-T1', ...plainKey],
    [`host/scrypt-host/${T2}`, 'root.pxar', 'tree-T2', ...scryptKey],
    ['host/signed-host', 'notes.pxar', 'tree-home', ...plainKey],
    ['ct/200', 'root.pxar', 'tree-etc', '--ns', 'ns1'],
    ['host/tiny', 'excl.pxar', 'tree-sort', '--ns', 'ns1/nested'],
  ];
  for (const [i, [snapshot, archive, listing, ...more]] of trees.entries()) {
    const to = server.path(`out-${i}`);
    const unprivileged = isRoot ? [] : ['--ignore-ownership', '--ignore-extract-device-errors'];
    const { code, err } = await client('restore', snapshot, archive, to, ...more, ...unprivileged);
    if (isRoot) assert.equal(code, 0, `${snapshot}: ${err}`);
    else assert.ok([0, 2].includes(code), `${snapshot}: ${err}`);
    checkTree(`expected/${listing}.jsonl`, to);
  }
});

test('images and small files come back, to a file and to a stream', async () => {
  const sums = new Map(
    text('expected/sha256sums.txt')
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/) as [string, string])
      .map(([sum, name]) => [name, sum]),
  );
  const check = async (sum: string | undefined, ...words: string[]): Promise<void> => {
    const { bytes, code, err } = await client('restore', ...words);
    assert.equal(code, 0, err);
    assert.equal(hash('sha256', bytes), sum, words.join(' '));
  };
  await check(sums.get('disk.img'), `vm/100/${T1}`, 'drive-scsi0.img', '-');
  await check(sums.get('disk-2.img'), 'vm/100', 'drive-scsi0.img', '-');
  await check(sums.get('disk.img'), `vm/101/${T1}`, 'drive-scsi0.img', '-', ...plainKey);
  await check(sums.get('disk-2.img'), `host/scrypt-host/${T2}`, 'drive-scsi0.img', '-', ...scryptKey);
  const log = hash('sha256', text('expected/client.log'));
  await check(log, `host/plain-host/${T2}`, 'client.log', '-');
  await check(log, `host/enc-host/${T2}`, 'client.log', '-', ...plainKey);
  const config = hash('sha256', text('expected/host.conf'));
  await check(config, 'ct/200', 'pct.conf', '-', '--ns', 'ns1');
  await check(config, 'host/enc-host', 'host.conf', '-', ...plainKey);
  const file = server.path('disk');
  assert.equal((await client('restore', `vm/100/${T1}`, 'drive-scsi0.img', file)).code, 0);
  assert.equal(hash('sha256', readFileSync(file)), sums.get('disk.img'));
});

test('manifests are printed as they are stored', async () => {
  for (const [snapshot, keys] of [
    [`host/plain-host/${T2}`, []],
    [`host/enc-host/${T1}`, plainKey],
  ] as const) {
    const { out, err } = await client('restore', snapshot, 'index.json', '-', ...keys);
    assert.equal(err, '');
    assert.equal(out, text(`manifests/index.json.${snapshot.replace('/', '_').replace('/', '.')}.json`));
  }
});

test('a wrong key is refused before anything is written', async () => {
  const { code, err } = await client('restore', `host/enc-host/${T1}`, 'root.pxar', server.path('no'), ...scryptKey);
  assert.equal(code, 255);
  assert.match(err, /^Error: wrong key: /);
});

test('every snapshot verifies', async () => {
  for (const snapshot of [`host/plain-host/${T1}`, `vm/101/${T2}`]) {
    const { code, out, err } = await client('verify', snapshot);
    assert.equal(code, 0, `${out}${err}`);
    assert.match(out, /TASK OK\n$/);
  }
});

test('a new backup builds on the snapshots of the product', async () => {
  const to = server.path('again');
  assert.ok(
    [0, 2].includes(
      (await client('restore', 'host/plain-host', 'root.pxar', to, '--ignore-extract-device-errors')).code,
    ),
  );
  const { code, err } = await client('backup', `root.pxar:${to}`, '--backup-id', 'plain-host');
  assert.equal(code, 0, err);
  assert.match(err, /\nDownloading previous manifest \(Wed Nov 15 /);
  if (isRoot) assert.match(err, /\nroot\.pxar: had to backup 0 B of 11\.236 MiB /);
});
