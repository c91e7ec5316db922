// Two servers, one pushes to the other. What is pushed is the datastore that the original product wrote, so that every
// byte of it goes over. Guide row S18-2: two sites that sync to each other.

import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { bytesEqual } from '../../src/base/bytes.ts';
import { CryptConfig, formatFingerprint } from '../../src/crypto/crypt-config.ts';
import { parseKeyFile } from '../../src/crypto/key-file.ts';
import { decodeBlob } from '../../src/format/blob.ts';
import { canonicalManifest, decodeManifestBlob, verifyManifest } from '../../src/format/manifest.ts';
import { TestServer } from '../support/server.ts';
import { connect, contentOf, must, originalDatastore, runLine } from '../support/sync-pair.ts';

let primary: TestServer;
let offsite: TestServer;
before(async () => {
  [primary, offsite] = await Promise.all([TestServer.start(), TestServer.start()]);
  await originalDatastore(primary, 'fixture');
  await offsite.datastore('copy');
  await connect(primary, 'offsite', offsite, 'admin@pbs', 'admin-password');
  await connect(offsite, 'primary', primary, 'admin@pbs', 'admin-password');
});
after(async () => {
  await offsite[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
});

const isManifest = (name: string) => name.endsWith('/index.json.blob');

/** Where the header of an index stops being the target's own: behind its UUID and the time at which it was made. */
const indexStart = 32;

const plain = (what: string) => ({ what, expect: 'plain' }) as const;

/** All files are equal but for what the target makes itself: the origin of indexes and what manifests count. */
function assertSameContent(actual: Record<string, Buffer>, expected: Record<string, Buffer>): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const [name, bytes] of Object.entries(expected)) {
    if (!isManifest(name)) {
      const start = /\.[fd]idx$/.test(name) ? indexStart : 0;
      assert.ok(actual[name]!.subarray(start).equals(bytes.subarray(start)), name);
      continue;
    }
    const [is, was] = [decodeManifestBlob(actual[name]!, name), decodeManifestBlob(bytes, name)];
    assert.deepEqual(canonicalManifest(is), canonicalManifest(was));
    assert.equal(is.signature, was.signature);
    const { chunk_upload_stats: _, ...unprotected } = is.unprotected;
    const { chunk_upload_stats: __, ...before } = was.unprotected;
    assert.deepEqual(unprotected, before);
  }
}

function assertUnchanged(actual: Record<string, Buffer>, expected: Record<string, Buffer>): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const [name, bytes] of Object.entries(expected)) assert.ok(actual[name]!.equals(bytes), name);
}

test('everything is on the target as it was, and verifies there', async () => {
  const out = await must(runLine(primary, 'push fixture offsite copy'));
  const lines = out.trimEnd().split('\n');
  assert.deepEqual(lines.slice(0, 6), [
    "sync datastore 'fixture' to 'offsite/copy'",
    '----',
    "Syncing datastore 'fixture', root namespace into datastore 'copy', root namespace",
    'Found 6 groups to sync (out of 6 total)',
    '2023-11-14T22:13:20Z: start sync',
    '2023-11-14T22:13:20Z/root.pxar.didx: sync archive',
  ]);
  assert.match(out, /^2023-11-14T22:13:20Z\/root.pxar.didx: uploaded .* \(.*\/s\)$/m);
  assert.match(out, /^2023-11-15T22:13:20Z: sent backup log file client.log.blob$/m);
  assert.match(out, /^percentage done: 8.33% \(0\/6 groups, 1\/2 snapshots in group #1\)$/m);
  assert.match(out, /^Created namespace ns1\/nested$/m);
  assert.match(out, /^Finished syncing namespace ns1\/nested, current progress: 8 groups, 13 snapshots$/m);
  assert.match(out, /^Summary: sync job pushed [\d.]+ MiB in \d+ chunks \(average rate: .*\/s\)$/m);
  assert.equal(lines.at(-1), 'TASK OK');
  assertSameContent(contentOf(offsite.path('copy')), contentOf(primary.path('fixture')));
  assert.match(await must(runLine(offsite, 'verify copy --ignore-verified false')), /TASK OK/);
});

test('a job pushes by hand; where nothing is new, no session is opened', async () => {
  const create =
    'sync-job create push-1 --sync-direction push --store fixture --remote offsite --remote-store copy ' +
    '--schedule daily --remove-vanished true --worker-threads 3';
  await must(runLine(primary, create));
  const before = contentOf(offsite.path('copy'));
  const out = await must(runLine(primary, 'sync-job run push-1'));
  const id = 'offsite:copy:fixture::push-1';
  assert.ok(out.startsWith(`Starting datastore sync job '${id}'\nsync datastore 'fixture' to 'offsite/copy'\n`), out);
  assert.match(
    out,
    /^\[vm\/100\]: skipped: 2 snapshot\(s\) \(2023-11-14T22:13:20Z \.\. 2023-11-15T22:13:20Z\) - older than the newest snapshot present on sync target$/m,
  );
  assert.match(out, /^Summary: sync job found no new data to push$/m);
  assert.match(out, /^Summary: removed vanished: snapshots: 0, groups: 0, namespaces: 0$/m);
  assert.ok(out.endsWith(`sync job '${id}' end\nTASK OK\n`), out);
  assert.deepEqual(contentOf(offsite.path('copy')), before);
  assert.match(await must(runLine(primary, 'task list --typefilter syncjob')), /syncjob.*OK/);
  const backups = JSON.parse(
    await must(runLine(offsite, 'task list --typefilter backup --all true --output-format json')),
  );
  assert.equal(backups.length, 13);
});

test('what was pushed and is pulled back into a third datastore is the same', async () => {
  await primary.datastore('back');
  await must(runLine(primary, 'pull offsite copy back'));
  assert.deepEqual(contentOf(primary.path('back')), contentOf(offsite.path('copy')));
});

test('plain snapshots are encrypted on the way, encrypted ones go as they are', async () => {
  await offsite.datastore('secret');
  const { err } = await runLine(primary, 'encryption-key create offsite-key');
  const keyFile = /is in (\S+):/.exec(err)![1]!;
  const push =
    'push fixture offsite secret --encryption-key offsite-key --group-filter type:vm --group-filter group:host/plain-host';
  const out = await must(runLine(primary, push));
  assert.match(out, /TASK OK/);
  const crypt = CryptConfig.fromKey(parseKeyFile(await readFile(keyFile, 'utf8'), keyFile).data);
  const time = '2023-11-15T22:13:20Z';
  const manifest = async (server: TestServer, store: string, snapshot: string) => {
    const path = server.path(store, snapshot, 'index.json.blob');
    return decodeManifestBlob(await readFile(path), path);
  };
  for (const group of ['vm/100', 'host/plain-host']) {
    const made = await manifest(offsite, 'secret', `${group}/${time}`);
    const source = await manifest(primary, 'fixture', `${group}/${time}`);
    verifyManifest(made, crypt);
    assert.deepEqual(
      made.files.map((file) => [file.filename, file['crypt-mode']]),
      source.files.map((file) => [file.filename, 'encrypt']),
    );
    assert.equal(made.unprotected['key-fingerprint'], crypt.fingerprint);
    assert.equal(
      made.unprotected['sync-source-signature'],
      formatFingerprint(crypt.authTag(canonicalManifest(source))),
    );
    assert.equal(made.unprotected['verify_state'], undefined);
  }
  // Encrypted with another key already.
  const before = await manifest(primary, 'fixture', `vm/101/${time}`);
  assert.deepEqual(canonicalManifest(await manifest(offsite, 'secret', `vm/101/${time}`)), canonicalManifest(before));
  // Only what has changed since the snapshot before goes over, as without a key.
  assert.match(out, /^2023-11-15T22:13:20Z\/drive-scsi0.img.fidx: uploaded 49\.\d+ KiB/m);

  for (const [snapshot, archive] of [
    [`vm/100/${time}`, 'drive-scsi0.img'],
    [`host/plain-host/${time}`, 'host.conf'],
    [`host/plain-host/${time}`, 'client.log'],
  ] as const) {
    const restored = await offsite.client('secret', ['restore', snapshot, archive, '-', '--keyfile', keyFile]);
    const plain = await primary.client('fixture', ['restore', snapshot, archive, '-']);
    assert.equal(restored.code, 0, restored.err);
    assert.ok(restored.bytes.length > 0 && restored.bytes.equals(plain.bytes), archive);
  }
  assert.match(await must(runLine(offsite, 'verify secret --ignore-verified false')), /TASK OK/);
});

test('what was encrypted on the way out is plain again when it is pulled back with the key', async () => {
  await primary.datastore('plain-again');
  const filters = '--group-filter type:vm --group-filter group:host/plain-host';
  const pull = `pull offsite secret plain-again ${filters} --decryption-keys offsite-key`;
  const out = await must(runLine(primary, pull));
  assert.match(out, /^2023-11-14T22:13:20Z: sync done, decrypted with key ([0-9a-f]{2}:){7}[0-9a-f]{2}$/m);
  const [made, was] = [contentOf(primary.path('plain-again')), contentOf(primary.path('fixture'))];
  for (const [name, bytes] of Object.entries(made)) {
    // Another's key: it goes as it is.
    if (name.startsWith('vm/101/') || name.startsWith('.chunks/')) continue;
    const before = was[name]!;
    if (/\.[fd]idx$/.test(name)) assert.ok(bytes.subarray(indexStart).equals(before.subarray(indexStart)), name);
    else if (!isManifest(name)) {
      assert.ok(bytesEqual(decodeBlob(bytes, plain(name)), decodeBlob(before, plain(name))), name);
    } else {
      const [is, of] = [decodeManifestBlob(bytes, name), decodeManifestBlob(before, name)];
      assert.deepEqual(
        is.files.map((file) => [file.filename, file['crypt-mode']]),
        of.files.map((file) => [file.filename, 'none']),
      );
      assert.deepEqual([is.signature, is.unprotected['key-fingerprint']], [null, undefined]);
      assert.equal(is.unprotected['notes'], of.unprotected['notes']);
    }
  }
  assert.match(await must(runLine(primary, 'verify plain-again --ignore-verified false')), /TASK OK/);
  const before = contentOf(primary.path('plain-again'));
  const create = `sync-job create plain-1 --store plain-again --remote offsite --remote-store secret ${filters}`;
  await must(runLine(primary, `${create} --associated-key offsite-key`));
  assert.match(await must(runLine(primary, 'sync-job run plain-1')), /^Summary: sync job found no new data to pull$/m);
  assertUnchanged(contentOf(primary.path('plain-again')), before);
  // The job's key is gone: nothing is pulled rather than anything encrypted.
  await rm(primary.path('server/etc/encryption-keys/offsite-key.key'));
  const lost = await runLine(primary, 'sync-job run plain-1');
  assert.notEqual(lost.code, 0);
  assert.match(lost.err + lost.out, /unable to read encryption key 'offsite-key'/);
  assert.match((await runLine(primary, `${pull}-x`)).err, /no such sync-key 'offsite-key-x'/);
});

test('keys are archived before they are removed, and not while a job uses them', async () => {
  const job = 'sync-job update push-1 --active-encryption-key';
  await must(runLine(primary, 'encryption-key create key-1'));
  await must(runLine(primary, `${job} key-1`));
  assert.match(
    (await runLine(primary, 'encryption-key toggle-archive key-1')).err,
    /'key-1' is used by sync job 'push-1'/,
  );
  await must(runLine(primary, 'encryption-key create key-2'));
  await must(runLine(primary, `${job} key-2`));
  const shown = JSON.parse(await must(runLine(primary, 'sync-job show push-1 --output-format json')));
  assert.deepEqual([shown['active-encryption-key'], shown['associated-key']], ['key-2', ['key-1']]);
  assert.match((await runLine(primary, 'encryption-key remove key-1')).err, /'key-1' is not archived/);
  await must(runLine(primary, 'encryption-key toggle-archive key-1'));
  assert.match((await runLine(primary, 'encryption-key remove key-1')).err, /'key-1' is used by sync job 'push-1'/);
  assert.doesNotMatch(await must(runLine(primary, 'encryption-key list')), /key-1/);
  assert.match(await must(runLine(primary, 'encryption-key list --include-archived true')), /key-1 +│ [0-9a-f:]{95}/);
  assert.match((await runLine(primary, 'push fixture offsite secret --encryption-key key-1')).err, /is archived/);
  await must(runLine(primary, 'sync-job update push-1 --delete active-encryption-key --delete associated-key'));
  await must(runLine(primary, 'encryption-key remove key-1'));
  assert.ok(!(await readdir(primary.path('server/etc/encryption-keys'))).includes('key-1.key'));
  assert.match((await runLine(primary, `${job} key-1`)).err, /no such sync-key 'key-1'/);
});

test('S18-2: two sites that push to each other: no loops, no duplicates', async () => {
  const backup = (server: TestServer, store: string, id: string, time: number) =>
    must(
      server.client(store, ['backup', `a.conf:${import.meta.filename}`, '--backup-id', id, '--backup-time', `${time}`]),
    );
  await backup(primary, 'fixture', 'here', 1_700_200_000);
  await backup(offsite, 'copy', 'there', 1_700_200_001);
  const there = 'push copy primary fixture';
  await must(runLine(primary, 'sync-job run push-1'));
  assert.match(await must(runLine(offsite, there)), /^percentage done: .*\n/m);
  await backup(offsite, 'copy', 'there', 1_700_200_002);
  for (const round of [1, 2]) {
    const [back, forth] = [await must(runLine(offsite, there)), await must(runLine(primary, 'sync-job run push-1'))];
    assert.equal(back.match(/: sync done$/gm)?.length ?? 0, round === 1 ? 1 : 0, back);
    assert.doesNotMatch(forth, /start sync|Removed/);
  }
  const files = (base: string) => Object.keys(contentOf(base)).filter((name) => !name.startsWith('.chunks'));
  assert.deepEqual(files(primary.path('fixture')), files(offsite.path('copy')));
});
