// Rows S12-2, S12-5 and S12-6: each check of verification finds what breaks it, and no other check does; a rotten chunk
// is named, set aside, and healed by the next backup that has it. Jobs look where and when they are told to.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { blobInfo, writeBlobCrc } from '../../src/format/blob.ts';
import { decodeManifestBlob, encodeManifestBlob } from '../../src/format/manifest.ts';
import { emptyStore, TestServer } from '../support/server.ts';

let server: TestServer;
let key: string;
before(async () => {
  server = await TestServer.start();
  await emptyStore(server.path('ds1'));
  const create = await server.manager('datastore', 'create', 'ds1', server.path('ds1'), '--reuse-datastore', 'true');
  assert.equal(create.code, 0, create.err);
  key = server.path('key');
  assert.equal((await server.client('ds1', ['key', 'create', key, '--kdf', 'none'])).code, 0);
});
after(() => server[Symbol.asyncDispose]());

/** Of the last snapshot: each has a second of its own. */
let time = Math.floor(Date.now() / 1000) - 3600;

/** Backs up `content` as an image; gives the snapshot's name. */
async function backUp(id: string, content: Uint8Array, ...more: string[]): Promise<string> {
  const source = server.path(id);
  writeFileSync(source, content);
  const when = ['--backup-id', id, '--backup-time', String(++time)];
  const backup = await server.client('ds1', ['backup', `disk.img:${source}`, ...when, ...more]);
  assert.equal(backup.code, 0, backup.err);
  return `host/${id}/${readdirSync(server.path('ds1/host', id))
    .filter((name) => name !== 'owner')
    .sort()
    .at(-1)}`;
}

const file = (snapshot: string, name: string): string => server.path('ds1', snapshot, name);

/** The file of an image's only chunk. */
function chunkOf(snapshot: string): string {
  const digest = readFileSync(file(snapshot, 'disk.img.fidx')).toString('hex', 4096, 4096 + 32);
  return server.path('ds1/.chunks', digest.slice(0, 4), digest);
}

function rewrite(path: string, change: (bytes: Buffer) => Uint8Array | undefined): void {
  const bytes = readFileSync(path);
  writeFileSync(path, change(bytes) ?? bytes);
}

function flipLastBit(bytes: Buffer): undefined {
  bytes[bytes.length - 1]! ^= 1;
}

/** What each check says when it is that one that fails. */
const checks = {
  existence: /^chunk \w+: chunk is missing/m,
  integrity: /^chunk \w+: .*(wrong CRC checksum|wrong digest)/m,
  decryption: /cannot be decrypted/,
  index: /wrong index checksum/,
  manifest: /manifest load error/,
  signature: /signature/,
};

/** What the command says of a snapshot: the checks that fail. */
async function failing(snapshot: string, ...more: string[]): Promise<string[]> {
  const { code, out, err } = await server.client('ds1', ['verify', snapshot, ...more]);
  const names = Object.entries(checks).filter(([, text]) => text.test(out + err));
  assert.equal(code, names.length === 0 ? 0 : 255, out + err);
  return names.map(([name]) => name);
}

test('S12-6: chunk existence', async () => {
  const snapshot = await backUp('existence', randomBytes(5000));
  assert.deepEqual(await failing(snapshot), []);
  rmSync(chunkOf(snapshot));
  assert.deepEqual(await failing(snapshot), ['existence']);
});

test('S12-6: chunk integrity, of the container and of the content', async () => {
  const snapshot = await backUp('integrity', randomBytes(5000));
  rewrite(chunkOf(snapshot), flipLastBit);
  assert.deepEqual(await failing(snapshot), ['integrity']);
  const forged = await backUp('forged', randomBytes(5000));
  rewrite(chunkOf(forged), (bytes) => {
    flipLastBit(bytes);
    writeBlobCrc(bytes, blobInfo(bytes, '').computedCrc);
    return bytes;
  });
  assert.deepEqual(await failing(forged), ['integrity']);
});

test('S12-6: chunk decryption, where the key is', async () => {
  const snapshot = await backUp('decryption', randomBytes(5000), '--keyfile', key);
  assert.deepEqual(await failing(snapshot, '--keyfile', key), []);
  rewrite(chunkOf(snapshot), (bytes) => {
    flipLastBit(bytes);
    writeBlobCrc(bytes, blobInfo(bytes, '').computedCrc);
    return bytes;
  });
  assert.deepEqual(await failing(snapshot), [], 'without the key it is a sound container');
  assert.deepEqual(await failing(snapshot, '--keyfile', key), ['decryption']);
});

test('S12-6: index consistency', async () => {
  const other = await backUp('other', randomBytes(5000));
  const snapshot = await backUp('index', randomBytes(5000));
  const digest = readFileSync(file(other, 'disk.img.fidx')).subarray(4096, 4096 + 32);
  rewrite(file(snapshot, 'disk.img.fidx'), (bytes) => void bytes.set(digest, 4096));
  assert.deepEqual(await failing(snapshot), ['index']);
});

test('S12-6: manifest validation, with the key of its signature too', async () => {
  const snapshot = await backUp('manifest', randomBytes(5000));
  rewrite(file(snapshot, 'index.json.blob'), flipLastBit);
  assert.deepEqual(await failing(snapshot), ['manifest']);
  const signed = await backUp('signed', randomBytes(5000), '--keyfile', key);
  rewrite(file(signed, 'index.json.blob'), (bytes) => {
    const manifest = decodeManifestBlob(bytes, 'manifest');
    const [first] = manifest.files;
    return encodeManifestBlob({ ...manifest, files: [...manifest.files, { ...first!, filename: 'more.img.fidx' }] });
  });
  writeFileSync(file(signed, 'more.img.fidx'), readFileSync(file(signed, 'disk.img.fidx')));
  assert.deepEqual(await failing(signed), [], 'without the key it is a sound manifest');
  assert.deepEqual(await failing(signed, '--keyfile', key), ['signature']);
});

test('S12-2: a job names a rotten chunk and sets it aside, and the next backup heals it', async () => {
  const content = randomBytes(5000);
  const snapshot = await backUp('rotten', content);
  const chunk = chunkOf(snapshot);
  rewrite(chunk, flipLastBit);
  const create = await server.manager('verify-job', 'create', 'rot', '--store', 'ds1', '--ignore-verified', 'true');
  assert.equal(create.code, 0, create.err);
  const run = await server.manager('verify-job', 'run', 'rot');
  assert.notEqual(run.code, 0);
  assert.ok(run.out.includes(`corrupt chunk renamed to "${chunk}.0.bad"`), run.out);
  assert.deepEqual([existsSync(chunk), existsSync(`${chunk}.0.bad`)], [false, true]);
  assert.deepEqual(await failing(snapshot), ['existence']);
  await backUp('rotten', content);
  assert.deepEqual(await failing(snapshot), [], 'the chunk is back');
});

test('S12-5: with verify-new each backup is verified when it ends', async () => {
  const update = await server.manager('datastore', 'update', 'ds1', '--verify-new', 'true');
  assert.equal(update.code, 0, update.err);
  const snapshot = await backUp('new', randomBytes(5000));
  const state = async (): Promise<unknown> => {
    const { out } = await server.client('ds1', ['snapshot', 'list', 'host/new', '--output-format', 'json']);
    return (JSON.parse(out) as { verification?: { state: string } }[])[0]?.verification?.state;
  };
  for (let left = 200; (await state()) === undefined && left > 0; left--);
  assert.equal(await state(), 'ok', snapshot);
});

/** The snapshots of host/h in a namespace, oldest first. */
function snapshotsIn(ns: string): string[] {
  const folder = server.path('ds2', ...ns.split('/').flatMap((part) => (part === '' ? [] : ['ns', part])), 'host/h');
  return readdirSync(folder)
    .filter((name) => name !== 'owner')
    .sort()
    .map((name) => `${folder}/${name}`);
}

/** What is remembered of the last verification of a snapshot, and what is to be. */
function verifyState(snapshot: string, change?: (upid: string | undefined) => string | undefined): string | undefined {
  const manifest = `${snapshot}/index.json.blob`;
  const { unprotected, ...rest } = decodeManifestBlob(readFileSync(manifest), 'manifest');
  const { verify_state: state, ...others } = unprotected as { verify_state?: { upid: string } };
  if (change === undefined) return state?.upid;
  const upid = change(state?.upid);
  const now = upid === undefined ? others : { ...others, verify_state: { state: 'ok', upid } };
  writeFileSync(manifest, encodeManifestBlob({ ...rest, unprotected: now }));
  return upid;
}

/** The identifier of a task that began that many days earlier. */
function daysBefore(upid: string, days: number): string {
  const parts = upid.split(':');
  const time = Number.parseInt(parts[5]!, 16) - days * 86_400;
  return parts.with(5, time.toString(16).toUpperCase().padStart(8, '0')).join(':');
}

test('jobs reach as deep as their max-depth says, and verify again what is outdated', async () => {
  await server.datastore('ds2');
  const image = server.path('deep.img');
  writeFileSync(image, randomBytes(5000));
  for (const ns of ['', 'a', 'a/b', 'a/b/c']) {
    if (ns !== '') assert.equal((await server.client('ds2', ['namespace', 'create', ns])).code, 0);
    for (let n = 0; n < 3; n++) {
      const when = ['--backup-id', 'h', '--backup-time', String(++time), ...(ns === '' ? [] : ['--ns', ns])];
      const { code, err } = await server.client('ds2', ['backup', `disk.img:${image}`, ...when]);
      assert.equal(code, 0, err);
    }
  }
  const manager = async (line: string): Promise<string> => {
    const { code, out, err } = await server.manager(...line.split(' '));
    assert.equal(code, 0, err);
    return out;
  };
  /** Namespaces with the number of snapshots that were verified, and skipped, in a run of the job. */
  const run = async (): Promise<Record<string, [number, number]>> => {
    const out = await manager('verify-job run deep');
    const counts: Record<string, [number, number]> = {};
    for (const [, skipped, path] of out.matchAll(
      /(SKIPPED: )?verify ds2:((?:ns\/\w+\/)*)host\/h\/\S+(?: \(recently verified\))?$/gm,
    )) {
      const ns = path!.replace(/ns\/(\w+)\//g, '/$1').slice(1);
      counts[ns] ??= [0, 0];
      counts[ns][skipped === undefined ? 0 : 1]++;
    }
    return counts;
  };
  await manager('verify-job create deep --store ds2 --ns a --max-depth 0');
  assert.deepEqual(await run(), { a: [3, 0] });
  await manager('verify-job update deep --max-depth 1');
  assert.deepEqual(await run(), { a: [0, 3], 'a/b': [3, 0] });
  await manager('verify-job update deep --delete max-depth');
  assert.deepEqual(await run(), { a: [0, 3], 'a/b': [0, 3], 'a/b/c': [3, 0] });
  await manager('verify-job update deep --delete ns --max-depth 1 --ignore-verified false');
  assert.deepEqual(await run(), { '': [3, 0], a: [3, 0] });

  await manager('verify-job update deep --max-depth 0 --ignore-verified true --outdated-after 7');
  const [first, second, third] = snapshotsIn('');
  const outdated = verifyState(first!, (upid) => daysBefore(upid!, 8));
  const recent = verifyState(second!, (upid) => daysBefore(upid!, 7.5));
  verifyState(third!, () => undefined);
  assert.deepEqual(await run(), { '': [2, 1] });
  assert.notEqual(verifyState(first!), outdated);
  assert.equal(verifyState(second!), recent);
  assert.equal(verifyState(third!), verifyState(first!));
  assert.deepEqual(await run(), { '': [0, 3] });

  await manager('prune-job create deep --store ds2 --schedule yearly --keep-last 1 --ns a --max-depth 1');
  const left = (): number[] => ['', 'a', 'a/b', 'a/b/c'].map((ns) => snapshotsIn(ns).length);
  await manager('prune-job run deep');
  assert.deepEqual(left(), [3, 1, 1, 3]);
  await manager('prune-job update deep --delete ns --delete max-depth --keep-last 2');
  await manager('prune-job run deep');
  assert.deepEqual(left(), [2, 1, 1, 2]);
});
