// What is inside of snapshots: selections of files, facts of an entry, search through a group, chunks as stored.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { fixtureChunkPath, unpackFixture } from '../../../../test/support/fixture.ts';
import { productFile } from '../../../../test/support/golden.ts';
import { parseDynamicIndex } from '../../../format/dynamic-index.ts';
import { rootUser } from '../../../model/auth-id.ts';
import { TestApi } from '../../testing/api-server.ts';
import type { SearchLine } from './content.contract.ts';

const base = 'admin/datastore/fixture';
const older = 1700000000;
const newer = 1700086400;
const plainHost = { 'backup-type': 'host', 'backup-id': 'plain-host' };
const plainSnapshot = { ...plainHost, 'backup-time': newer };
const encrypted = { 'backup-type': 'host', 'backup-id': 'enc-host', 'backup-time': newer };
const base64 = (path: string): string => Buffer.from(path).toString('base64');

let api: TestApi;
let store: string;
before(async () => {
  store = unpackFixture();
  api = await TestApi.start({ stores: { fixture: store } });
  await api.server.access.users.create({ userid: 'other@pbs' });
  const acl = { path: '/datastore/fixture', role: 'DatastoreBackup', authId: 'other@pbs' };
  await api.server.access.updateAcl(rootUser, acl);
});
after(() => api[Symbol.asyncDispose]());

interface ListedFile {
  path: string | null;
  type: string;
  size?: number;
  sha256?: string;
}
const listed = (name: string): ListedFile[] =>
  productFile(`expected/${name}`)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ListedFile);

async function filesOfTar(bytes: Uint8Array): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const unpack = extract();
  unpack.end(zstdDecompressSync(bytes));
  for await (const entry of unpack) {
    const hash = createHash('sha256');
    for await (const piece of entry) hash.update(piece as Uint8Array);
    if (entry.header.type === 'file') files.set(entry.header.name, hash.digest('hex'));
  }
  return files;
}

test('a selection holds each file once, under its whole path, with the content that was backed up', async () => {
  const selection = ['root.pxar.didx/etc', '/root.pxar.didx/etc/passwd', 'root.pxar.didx/home/hard-b'].map(base64);
  const answer = await api.call('POST', `${base}/selection-download`, {
    as: 'admin@pbs',
    json: { ...plainSnapshot, selection, tar: true },
  });
  assert.equal(answer.status, 200, answer.text);
  const files = await filesOfTar(answer.body);
  const expected = listed('tree-T2.jsonl').filter(
    ({ path, type }) => type === 'file' && (path?.startsWith('etc/') || path === 'home/hard-b'),
  );
  assert.deepEqual([...files].sort(), expected.map(({ path, sha256 }) => [path, sha256]).sort());

  const zip = await api.call('POST', `${base}/selection-download`, {
    as: 'admin@pbs',
    json: { ...plainSnapshot, selection },
  });
  const names = [...zip.body.toString('latin1').matchAll(/PK\x01\x02.{24}(..).{16}/gs)].map((match) => {
    const length = Buffer.from(match[1]!, 'latin1').readUInt16LE();
    const from = match.index + 46;
    return zip.body.toString('utf8', from, from + length);
  });
  assert.deepEqual(names, ['etc/', 'etc/hostname', 'etc/passwd', 'etc/shadow', 'home/hard-b']);
});

test('a selection with a path that is not there, or that is encrypted, is refused before anything is sent', async () => {
  for (const [snapshot, path, text] of [
    [plainSnapshot, 'root.pxar.didx/no-such', "archive 'root.pxar.didx' has no file 'no-such'"],
    [plainSnapshot, '', 'file path does not name an archive'],
    [encrypted, 'root.pxar.didx/etc', "cannot decode 'root.pxar.didx' - is encrypted"],
  ] as const) {
    const answer = await api.call('POST', `${base}/selection-download`, {
      as: 'admin@pbs',
      json: { ...snapshot, selection: [base64(path)] },
    });
    assert.deepEqual([answer.status, answer.text], [400, text]);
  }
});

test('an entry tells mode, owner, time, link and attributes', async () => {
  const entry = async (path: string): Promise<unknown> => {
    const params = { ...plainSnapshot, filepath: base64(`root.pxar.didx/${path}`) };
    return (await api.call('GET', `${base}/pxar-entry`, { as: 'admin@pbs', params })).json.data;
  };
  const child = { uid: 0, gid: 0, mtime: 1600000054 + 123457167 / 1e9, xattrs: [], acl: true };
  assert.deepEqual(await entry('acl/default-dir/child'), { type: 'f', mode: 0o100660, size: 15, ...child });
  const device = (await entry('dev/null')) as Record<string, unknown>;
  assert.deepEqual([device['type'], device['device']], ['c', '1:3']);
  const link = (await entry('home/link-dangling')) as Record<string, unknown>;
  assert.deepEqual([link['type'], typeof link['target']], ['l', 'string']);
  const tool = (await entry('bin/cap-tool')) as Record<string, unknown>;
  assert.deepEqual(tool['xattrs'], ['security.capability']);
});

async function search(params: Record<string, string | number>): Promise<SearchLine[]> {
  const answer = await api.call('GET', `${base}/search-files`, { as: 'admin@pbs', params });
  assert.equal(answer.status, 200, answer.text);
  return answer.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SearchLine);
}

test('a name is found in every snapshot of a group, newest first', async () => {
  const lines = await search({ ...plainHost, pattern: 'PASSWD' });
  const expected = [newer, older].flatMap((time) => {
    const tree = listed(time === newer ? 'tree-T2.jsonl' : 'tree-T1.jsonl');
    const passwd = tree.find(({ path }) => path === 'etc/passwd')!;
    const path = 'root.pxar.didx/etc/passwd';
    return [
      { kind: 'match', 'backup-time': time, filepath: base64(path), path, type: 'f', size: passwd.size },
      { kind: 'searched', 'backup-time': time, files: tree.length - 1 },
    ];
  });
  const withoutTimes = lines.map((line) => {
    const { mtime: _, ...rest } = line as SearchLine & { mtime?: number };
    return rest;
  });
  assert.deepEqual(withoutTimes, [...expected, { kind: 'end', truncated: false }]);
});

test('a search takes wildcards, ends at its limit, and tells what it could not look into', async () => {
  const one = await search({ ...plainSnapshot, pattern: 'file-00?' });
  assert.equal(one.filter(({ kind }) => kind === 'match').length, 9);
  const limited = await search({ ...plainHost, pattern: '*', limit: 3 });
  assert.deepEqual(
    limited.map(({ kind }) => kind),
    ['match', 'match', 'match', 'end'],
  );
  assert.deepEqual(limited.at(-1), { kind: 'end', truncated: true });
  assert.deepEqual(await search({ 'backup-type': 'host', 'backup-id': 'enc-host', pattern: 'x' }), [
    { kind: 'skipped', 'backup-time': newer, reason: 'encrypted' },
    { kind: 'skipped', 'backup-time': older, reason: 'encrypted' },
    { kind: 'end', truncated: false },
  ]);
  const images = await search({ 'backup-type': 'vm', 'backup-id': '100', 'backup-time': older, pattern: 'x' });
  assert.deepEqual(images[0], { kind: 'skipped', 'backup-time': older, reason: 'no-files' });
  // The pattern that makes a naive matcher run for ever.
  assert.equal((await search({ ...plainSnapshot, pattern: `${'*a'.repeat(100)}*b` })).at(-1)?.kind, 'end');
});

test('a chunk comes as it is stored, by its position in the index', async () => {
  const name = 'root.pxar.didx';
  const ask = (o: Record<string, string | number>, as = 'admin@pbs') =>
    api.call('GET', `${base}/stored-chunk`, { as, params: { ...encrypted, 'file-name': name, position: 0, ...o } });
  const index = parseDynamicIndex(readFileSync(`${store}/host/enc-host/2023-11-15T22:13:20Z/${name}`), name);
  for (let position = 0; position < index.count; position++) {
    const answer = await ask({ position });
    const digest = Buffer.from(index.digestAt(position)).toString('hex');
    assert.deepEqual(answer.body, readFileSync(fixtureChunkPath(store, digest)));
    assert.equal(answer.headers['x-chunk-digest'], digest);
  }
  const refused = async (o: Record<string, string | number>, as?: string): Promise<unknown[]> => {
    const { status, text } = await ask(o, as);
    return [status, text];
  };
  assert.deepEqual(await refused({ position: index.count }), [400, `'${name}' has no chunk ${index.count}`]);
  assert.deepEqual(await refused({ 'file-name': 'host.conf.blob' }), [400, "'host.conf.blob' has no chunks"]);
  assert.equal((await refused({ position: 2 ** 50 }))[0], 400);
  const notOwner = 'backup owner check failed (other@pbs != admin@pbs)';
  assert.deepEqual(await refused({}, 'other@pbs'), [400, notOwner]);
  for (const call of ['search-files', 'pxar-entry']) {
    const params = { ...encrypted, pattern: 'x', filepath: '/' };
    if (call === 'search-files') Reflect.deleteProperty(params, 'filepath');
    else Reflect.deleteProperty(params, 'pattern');
    const answer = await api.call('GET', `${base}/${call}`, { as: 'other@pbs', params });
    assert.deepEqual([answer.status, answer.text], [400, notOwner]);
  }
});
