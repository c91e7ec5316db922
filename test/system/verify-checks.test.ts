// Rows S12-2, S12-5 and S12-6: each check of verification finds what breaks it, and no other check does; a rotten chunk
// is named, set aside, and healed by the next backup that has it.

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
