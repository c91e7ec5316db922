// The answers of the product's own API about the fixture datastore (test/golden/pbs-3.2.4/api).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { unpackFixture } from '../../test/support/fixture.ts';
import { productFile } from '../../test/support/golden.ts';
import { rootUser } from '../model/auth-id.ts';
import { TestApi } from './testing/api-server.ts';

interface GoldenCall {
  file: string;
  method: string;
  path: string;
  params: Record<string, string | number>;
  auth: boolean;
  status: number;
  'content-type': string | null;
}

const index = JSON.parse(productFile('api/INDEX.json').toString()) as GoldenCall[];
const goldenCall = (file: string): GoldenCall => index.find((one) => one.file === file)!;
const goldenData = (file: string): unknown =>
  (JSON.parse(productFile(`api/${file}`).toString()) as { data: unknown }).data;

let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
  await api.server.access.users.generateToken({ tokenid: 'admin@pbs!fx' });
  await api.server.access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: 'admin@pbs!fx' });
});
after(() => api[Symbol.asyncDispose]());

function send(call: GoldenCall, as = 'admin@pbs') {
  return api.call(call.method, call.path, { params: call.params, ...(call.auth ? { as } : {}) });
}

/** Lists without order of their own, by the text of their items; `null` members, which newer servers leave out. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal).sort((a, b) => compare(JSON.stringify(a), JSON.stringify(b)));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, normal(member)] as const).sort());
}
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const same = [
  'ping.json',
  'perm-audit-groups.json',
  'groups-ns1.json',
  'snapshots-after-verify.json',
  'snapshots-ns1-nested.json',
  'namespaces.json',
  'namespaces-depth1.json',
  'namespaces-parent-ns1.json',
  'namespace-create-existing.json',
  'perm-audit-files.json',
  'files-scrypt-host.json',
  'files-signed-host.json',
  'notes.json',
  'protected.json',
  'group-notes-put.json',
  'group-notes.json',
  'active-operations.json',
  'access-user-tokens.json',
  'access-domains.json',
  'catalog-root.json',
  'catalog-archive.json',
  'catalog-names.json',
  'prune-dry-run.json',
  'notification-targets.json',
];
/** Members that we add and that the product does not know; each has to be there. */
const added: Record<string, readonly string[]> = { 'prune-dry-run.json': ['mark', 'reason'] };
function withoutAdded(file: string, data: unknown): unknown {
  const names = added[file];
  if (names === undefined) return data;
  return (data as Record<string, unknown>[]).map((item) => {
    for (const name of names) assert.ok(name in item, name);
    return Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)));
  });
}

for (const file of same) {
  test(`${file} is answered with the same data`, async () => {
    const answer = await send(goldenCall(file));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['content-type'], goldenCall(file)['content-type']);
    assert.deepEqual(normal(withoutAdded(file, answer.json.data)), normal(goldenData(file)));
  });
}

/** Where a server of the newer line has another text. */
const newerTexts: Record<string, string> = {
  'err-no-snapshot.json': "manifest not found for snapshot 'host/nosuch/2023-11-15T22:13:20Z'",
};
const refused = index.filter((call) => call.file.startsWith('err-') && !call.file.includes('upgrade'));
for (const call of refused) {
  test(`${call.file} is refused with status and text`, async () => {
    const headers: Record<string, string> =
      call.file === 'err-bad-token.json' ? { authorization: 'PBSAPIToken=admin@pbs!fx:wrong' } : {};
    const options = { params: call.params, headers };
    const noCsrf = call.file === 'err-no-csrf.json';
    const answer = await api.call(call.method, call.path, {
      ...options,
      ...(call.auth ? { as: 'admin@pbs' } : {}),
      ...(noCsrf ? { headers: { csrfpreventiontoken: 'wrong' } } : {}),
    });
    const expected = newerTexts[call.file] ?? productFile(`api/${call.file}`).toString();
    assert.equal(answer.text.trimEnd(), expected.trimEnd());
    assert.equal(answer.status, call.status);
    assert.equal(answer.headers['content-type'] ?? null, call['content-type']);
  });
}

test('callers with fewer rights get the refusals and the lists of the product', async () => {
  for (const file of ['perm-audit-none-snapshots.json', 'perm-audit-none-admin-datastore.json']) {
    const answer = await send(goldenCall(file), 'nobody@pbs');
    assert.equal(answer.status, goldenCall(file).status);
    if (answer.status !== 200) assert.equal(answer.text, productFile(`api/${file}`).toString());
    else assert.deepEqual(answer.json.data, []);
  }
  for (const file of ['perm-audit-delete-group.json', 'perm-audit-download.json']) {
    const answer = await send(goldenCall(file), 'audit@pbs');
    assert.equal(answer.status, 403);
    assert.equal(answer.text, productFile(`api/${file}`).toString());
  }
  const tasks = await send(goldenCall('perm-audit-tasks.json'), 'audit@pbs');
  assert.deepEqual(tasks.json, { data: [], total: 0 });
});

for (const file of [
  'download-blob',
  'download-decoded-blob',
  'download-decoded-log',
  'download-didx',
  'pxar-file-download-file',
]) {
  test(`${file} gives the same bytes`, async () => {
    const answer = await send(goldenCall(`${file}.bin`));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.ok(answer.body.equals(productFile(`api/${file}.bin`)));
  });
}

interface Unpacked {
  content: Record<string, string>;
  types: Record<string, string>;
}

function unpack(kind: 'zip' | 'tar', bytes: Buffer): Unpacked {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'granary-download-'));
  try {
    const file = path.join(dir, 'archive');
    writeFileSync(file, kind === 'tar' ? zstdDecompressSync(bytes) : bytes);
    const out = path.join(dir, 'out');
    mkdirSync(out);
    if (kind === 'tar') execFileSync('tar', ['-x', '--no-same-owner', '-C', out, '-f', file]);
    else execFileSync('unzip', ['-q', file, '-d', out]);
    const result: Unpacked = { content: {}, types: {} };
    for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
      const full = path.join(entry.parentPath, entry.name);
      const name = path.relative(out, full);
      result.types[name] = entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'symlink' : 'file';
      if (entry.isFile()) result.content[name] = readFileSync(full, 'latin1');
      if (entry.isSymbolicLink()) result.content[name] = readlinkSync(full);
    }
    return result;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('a directory comes as zip and as tar.zst, with everything in it', async () => {
  const golden = unpack('tar', productFile('api/pxar-file-download-dir.tar.zst'));
  // The product's archives have the second name of a hard link without its content.
  golden.content['home/hard-b'] = golden.content['home/hard-a']!;
  const tar = await send(goldenCall('pxar-file-download-dir.tar.zst'));
  assert.deepEqual(unpack('tar', tar.body), golden);
  const zip = await send(goldenCall('pxar-file-download-dir.zip'));
  assert.equal(zip.headers['content-type'], 'application/octet-stream');
  const names = Object.keys(golden.types);
  for (const name of names) assert.ok(zip.body.includes(name), name);
});
