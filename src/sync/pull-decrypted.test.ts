import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { encryptedChunk, noise, plainChunk, type TestChunk, testKey } from '../chunk-store/testing/chunks.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import type { Datastore } from '../datastore/datastore.ts';
import {
  finishedSnapshots,
  host,
  sealManifest,
  type TemporaryStore,
  temporaryStore,
  text,
  writeBackup,
} from '../datastore/testing/temporary-store.ts';
import { Verification } from '../datastore/verify.ts';
import { decodeBlob } from '../format/blob.ts';
import { canonicalManifest, encodeManifestBlob, type Manifest, signManifest } from '../format/manifest.ts';
import type { BackupSnapshot } from '../model/backup.ts';
import { clientLogName, encryptedKeyName, manifestName } from '../model/names.ts';
import { PullStand } from './testing/pull-stand.ts';

const [T1, T2, T3] = [86400, 2 * 86400, 3 * 86400];
const quiet = { upid: 'UPID:n:00000001:00000001:00000001:00000001:verify:s:root@pam:', log: () => {} };
const keys = [CryptConfig.fromKey(new Uint8Array(32)), testKey];
const plainTime = '1970-01-02T00:00:00Z';

/** Content of an archive that compresses and of one that does not, with a chunk that both have. */
function contents(seed: string): Record<string, Uint8Array[]> {
  return {
    'root.pxar.didx': [text('common'), text(seed), noise(`${seed} 1`, 5000), text('common')],
    'disk.img.fidx': [noise('large', 4 * 1024 * 1024), text('common')],
  };
}

/** A snapshot of that content, with the key of the chunks or without. */
async function backUp(
  store: Datastore,
  snapshot: BackupSnapshot,
  chunk: (content: Uint8Array) => TestChunk,
  edit: (manifest: Manifest) => Manifest = (manifest) => manifest,
  seed = `${snapshot.time}`,
): Promise<void> {
  const archives = Object.fromEntries(
    Object.entries(contents(seed)).map(([name, pieces]) => [name, pieces.map((piece) => chunk(piece))]),
  );
  const blobs = { 'host.conf.blob': chunk(text(`${seed} conf`)).blob };
  const annotate = (manifest: Manifest): Manifest => edit({ ...manifest, unprotected: { notes: 'kept' } });
  await writeBackup(store, snapshot, { archives, blobs, edit: annotate });
}

const seal = (manifest: Manifest): Manifest => sealManifest(manifest, testKey);

const backUpEncrypted = (store: Datastore, snapshot: BackupSnapshot, edit = seal, seed?: string): Promise<void> =>
  backUp(store, snapshot, encryptedChunk, edit, seed);

const read = (side: TemporaryStore, snapshot: BackupSnapshot, name: string) =>
  fs.readFileSync(side.store.filePath([], snapshot, name));

async function digests(store: Datastore): Promise<string[]> {
  const all: string[] = [];
  for await (const { digest } of store.chunks.digests()) all.push(toHex(digest));
  return all.sort();
}

test('with its key a snapshot is what it was before it was encrypted, and a second pull costs nothing', async () => {
  await using stand = await PullStand.make();
  await using plain = await temporaryStore();
  const { store } = stand.target;
  for (const time of [T1, T2]) {
    await backUpEncrypted(stand.source.store, host('a', time));
    await backUp(plain.store, host('a', time), plainChunk);
  }
  await stand.source.store.uploadLog([], host('a', T2), encryptedChunk(text('log')).blob);
  const first = await stand.pull({}, { keys });
  assert.deepEqual([first.error, first.warnings], [undefined, []], first.lines.join('\n'));
  assert.ok(first.lines.some((line) => line.startsWith(`${plainTime}: sync done, decrypted with key `)));
  assert.equal(first.counts['chunk'], 6, 'each chunk of the group is fetched once');
  assert.deepEqual(await digests(store), await digests(plain.store));
  for (const time of [T1, T2]) {
    const snapshot = host('a', time);
    const [made, was] = [await store.readManifest([], snapshot), await plain.store.readManifest([], snapshot)];
    assert.deepEqual(canonicalManifest(made), canonicalManifest(was));
    const source = await stand.source.store.readManifest([], snapshot);
    const { chunk_upload_stats: _, ...unprotected } = made.unprotected;
    assert.equal(made.signature, null);
    assert.deepEqual(unprotected, { notes: 'kept', 'sync-source-signature': source.signature });
    for (const { filename } of was.files) {
      const start = filename.endsWith('.blob') ? 0 : 32;
      const [is, before] = [read(stand.target, snapshot, filename), read(plain, snapshot, filename)];
      assert.ok(is.subarray(start).equals(before.subarray(start)), filename);
    }
  }
  const log = decodeBlob(read(stand.target, host('a', T2), clientLogName), { what: '', expect: 'plain' });
  assert.deepEqual(Buffer.from(log), Buffer.from(text('log')));
  assert.deepEqual(await new Verification(store, quiet).verifyDatastore(), []);

  const before = read(stand.target, host('a', T2), manifestName);
  for (const again of [{ keys }, {}]) {
    const { error, counts, lines } = await stand.pull({ removeVanished: true }, again);
    assert.equal(error, undefined, lines.join('\n'));
    assert.deepEqual(counts, { namespaces: 1, groups: 1, snapshots: 1, open: 1, 'file index.json.blob': 1 });
    assert.ok(lines.includes('1970-01-03T00:00:00Z: no data changes'));
  }
  assert.ok(read(stand.target, host('a', T2), manifestName).equals(before));
});

test('what the decrypted copy has already is not fetched for the next snapshot, unless it is gone', async () => {
  await using stand = await PullStand.make();
  const { store, base } = stand.target;
  for (const time of [T1, T2]) {
    await backUpEncrypted(stand.source.store, host('a', time));
    if (time === T1) await stand.pull({}, { keys });
  }
  const { counts } = await stand.pull({}, { keys });
  assert.equal(counts['chunk'], 2);
  const common = toHex(plainChunk(text('common')).digest);
  fs.rmSync(join(base, '.chunks', common.slice(0, 4), common));
  await backUpEncrypted(stand.source.store, host('a', T3));
  assert.equal((await stand.pull({}, { keys })).counts['chunk'], 3);
  assert.deepEqual(await new Verification(store, quiet).verifySnapshot([], host('a', T3)), true);
});

test('what arrived before a break is not fetched again, whatever became of what the broken run noted', async () => {
  await using stand = await PullStand.make();
  const { base } = stand.target;
  const pieces = Array.from({ length: 60 }, (_, i) => noise(`long ${i}`, 3000));
  await writeBackup(stand.source.store, host('a', T1), {
    archives: { 'root.pxar.didx': pieces.map((piece) => encryptedChunk(piece)) },
    edit: seal,
  });
  const records = join(base, '.imports');
  const recordNames = () => (fs.existsSync(records) ? fs.readdirSync(records) : []);
  const record = () => join(records, recordNames()[0]!);
  /** A pull that ends before the chunk after so many others; how many it has stored. */
  async function breakAfter(count: number): Promise<number> {
    const faults = {
      chunk: (blob: Uint8Array, before: number) => {
        if (before >= count) throw new GranaryError('connection', 'lost');
        return blob;
      },
    };
    const { error } = await stand.pull({}, { keys, faults });
    assert.equal(error, 'sync failed with some errors.');
    assert.deepEqual([await stand.groups(), await stand.snapshots()], [[], []]);
    return (await digests(stand.target.store)).length;
  }
  const first = await breakAfter(20);
  assert.ok(first > 0 && first < 60, `${first} chunks`);
  const second = await breakAfter(20);
  assert.equal(second, first + 20, 'only what was missing was asked for');
  // Torn at its end, damaged at its beginning, with one entry that somebody has bent to another chunk that is there.
  const entry = 80;
  const bytes = fs.readFileSync(record());
  assert.equal(bytes.length, second * entry);
  bytes[3]! ^= 1;
  bytes.copy(bytes, entry + 32, 2 * entry + 32, 2 * entry + 64);
  fs.writeFileSync(record(), Buffer.concat([bytes, bytes.subarray(0, 17)]));
  // And a chunk has gone.
  const gone = toHex(bytes.subarray(3 * entry + 32, 3 * entry + 64));
  fs.rmSync(join(base, '.chunks', gone.slice(0, 4), gone));
  const third = await stand.pull({}, { keys });
  assert.deepEqual([third.error, third.warnings], [undefined, []]);
  assert.equal(third.counts['chunk'], 60 - second + 3);
  assert.deepEqual(recordNames(), []);
  const index = await stand.target.store.openIndex([], host('a', T1), 'root.pxar.didx');
  assert.deepEqual(
    Array.from({ length: index.count }, (_, i) => toHex(index.digestAt(i))),
    pieces.map((piece) => toHex(plainChunk(piece).digest)),
  );
  assert.equal(await new Verification(stand.target.store, quiet).verifySnapshot([], host('a', T1)), true);
});

test('without its key a snapshot is taken as it is, and stays so when the key comes', async () => {
  await using stand = await PullStand.make();
  await backUpEncrypted(stand.source.store, host('a', T1));
  assert.equal((await stand.pull({}, { keys: keys.slice(0, 1) })).error, undefined);
  assert.ok(
    read(stand.target, host('a', T1), manifestName).equals(read(stand.source, host('a', T1), manifestName)),
    'byte for byte',
  );
  await backUpEncrypted(stand.source.store, host('a', T2));
  const { error, lines } = await stand.pull({}, { keys });
  assert.equal(error, undefined);
  assert.ok(lines.includes(`${plainTime}: no data changes`));
  const fingerprints = await Promise.all(
    [T1, T2].map(async (time) => (await stand.target.store.readManifest([], host('a', time))).unprotected),
  );
  assert.deepEqual(
    fingerprints.map((unprotected) => unprotected['key-fingerprint']),
    [testKey.fingerprint, undefined],
  );
});

test('a plain snapshot that was encrypted on the way out is known again when it comes back', async () => {
  await using stand = await PullStand.make();
  await backUp(stand.target.store, host('a', T1), plainChunk);
  const original = await stand.target.store.readManifest([], host('a', T1));
  const origin = toHex(testKey.authTag(canonicalManifest(original)));
  await backUpEncrypted(stand.source.store, host('a', T1), (manifest) =>
    seal({ ...manifest, unprotected: { 'sync-source-signature': origin } }),
  );
  const { error, lines } = await stand.pull({}, { keys });
  assert.equal(error, undefined, lines.join('\n'));
  assert.ok(lines.includes(`${plainTime}: no data changes`));
  const without = await stand.pull();
  assert.match(without.warnings[0]!, /refusing to overwrite local snapshot: content differs from source$/);
});

test('another snapshot never takes the place of a decrypted copy', async () => {
  await using stand = await PullStand.make();
  await backUpEncrypted(stand.source.store, host('a', T1));
  await stand.pull({}, { keys });
  await stand.source.store.removeSnapshot([], host('a', T1));
  await backUpEncrypted(stand.source.store, host('a', T1), seal, 'other');
  const before = read(stand.target, host('a', T1), manifestName);
  for (const o of [{ keys }, {}]) {
    const { warnings } = await stand.pull({}, o);
    assert.match(warnings[0]!, /refusing to overwrite local snapshot: content differs from source$/);
  }
  assert.ok(read(stand.target, host('a', T1), manifestName).equals(before));
});

test('only some files encrypted, or no signature: as it is, with a warning', async () => {
  await using stand = await PullStand.make();
  const partly = (manifest: Manifest) => {
    const sealed = seal(manifest);
    const files = sealed.files.map((file) => ({
      ...file,
      'crypt-mode': file.filename.endsWith('.blob') ? ('none' as const) : file['crypt-mode'],
    }));
    return signManifest({ ...sealed, files }, testKey);
  };
  await backUpEncrypted(stand.source.store, host('a', T1), partly);
  await backUpEncrypted(stand.source.store, host('b', T1), (manifest) => ({ ...seal(manifest), signature: null }));
  const { error, warnings } = await stand.pull({}, { keys });
  assert.equal(error, undefined);
  const text = `${plainTime}: only some of its files are encrypted and signed, it is synced as it is`;
  assert.deepEqual(warnings, [text, text]);
  for (const id of ['a', 'b']) {
    assert.ok(read(stand.target, host(id, T1), manifestName).equals(read(stand.source, host(id, T1), manifestName)));
  }
});

test('a wrong signature, a chunk or a blob that is not what it should be: nothing is to be seen', async () => {
  await using stand = await PullStand.make();
  const one = host('a', T1);
  await backUpEncrypted(stand.source.store, one);
  const foreign = CryptConfig.fromKey(new Uint8Array(32).fill(7));
  const cases = [
    [{ chunk: () => encryptedChunk(text('other')).blob }, /chunk [0-9a-f]{64}: detected chunk with wrong digest/],
    [{ chunk: () => plainChunk(text('common')).blob }, /is plain, but has to be encrypted/],
    [{ chunk: (blob: Uint8Array) => blob.map((byte, i) => (i === 60 ? byte ^ 1 : byte)) }, /wrong CRC/],
    [
      {
        file: (name: string, raw: Uint8Array | undefined) =>
          name === 'host.conf.blob' ? raw?.map((byte, i) => (i === 60 ? byte ^ 1 : byte)) : raw,
      },
      /wrong checksum for file 'host.conf.blob'/,
    ],
    [
      {
        file: (name: string, raw: Uint8Array | undefined) =>
          name === manifestName ? encodeManifestBlob({ ...sealed, signature: '0'.repeat(64) }) : raw,
      },
      /manifest of host\/a: the signature is wrong/,
    ],
    [
      {
        // The right fingerprint, but another's files.
        file: (name: string, raw: Uint8Array | undefined) =>
          name === manifestName
            ? encodeManifestBlob({
                ...signManifest(sealed, foreign),
                unprotected: { 'key-fingerprint': testKey.fingerprint },
              })
            : raw,
      },
      /manifest of host\/a: the signature is wrong/,
    ],
  ] as const;
  const sealed = await stand.source.store.readManifest([], one);
  for (const [faults, expected] of cases) {
    const { error, warnings } = await stand.pull({}, { keys, faults });
    assert.equal(error, 'sync failed with some errors.');
    assert.match(warnings.join(), expected);
    assert.deepEqual([await stand.groups(), await finishedSnapshots(stand.target.store)], [[], []]);
  }
  for await (const { digest } of stand.target.store.chunks.digests()) await stand.target.store.chunks.read(digest);
  assert.equal((await stand.pull({}, { keys })).error, undefined);
});

test('a corrupt decrypted copy is made anew with the key, and not without', async () => {
  await using stand = await PullStand.make();
  const { store, base } = stand.target;
  await backUpEncrypted(stand.source.store, host('a', T1));
  await stand.pull({}, { keys });
  const manifest = read(stand.target, host('a', T1), manifestName);
  const common = toHex(plainChunk(text('common')).digest);
  const path = join(base, '.chunks', common.slice(0, 4), common);
  fs.writeFileSync(path, 'rotten');
  assert.equal(await new Verification(store, quiet).verifySnapshot([], host('a', T1)), false);
  // It has been set aside; another copy comes, and rots.
  fs.writeFileSync(path, 'rotten');
  const { warnings } = await stand.pull({ resyncCorrupt: true });
  assert.match(warnings[0]!, /the copy here was decrypted, and the key to do so again is not given$/);
  const { error, lines } = await stand.pull({ resyncCorrupt: true }, { keys });
  assert.equal(error, undefined, lines.join('\n'));
  assert.ok(read(stand.target, host('a', T1), manifestName).equals(manifest));
  assert.equal(await new Verification(store, quiet).verifySnapshot([], host('a', T1)), true);
});

test('the sealed key of a master key stays as it is', async () => {
  await using stand = await PullStand.make();
  const wrapped = plainChunk(text('wrapped'), false).blob;
  await writeBackup(stand.source.store, host('a', T1), { blobs: { [encryptedKeyName]: wrapped }, edit: seal });
  assert.equal((await stand.pull({}, { keys })).error, undefined);
  assert.ok(read(stand.target, host('a', T1), encryptedKeyName).equals(wrapped));
});

test('plain snapshots are pulled as without keys', async () => {
  await using stand = await PullStand.make();
  await writeBackup(stand.source.store, host('a', T1));
  await stand.pull({}, { keys });
  assert.ok(read(stand.target, host('a', T1), manifestName).equals(read(stand.source, host('a', T1), manifestName)));
});
