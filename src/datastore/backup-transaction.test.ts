import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import { encryptedChunk, noise, plainChunk } from '../chunk-store/testing/chunks.ts';
import { encodeBlob } from '../format/blob.ts';
import { decodeManifestBlob } from '../format/manifest.ts';
import { fixedChunkSize, manifestName } from '../model/names.ts';
import { setFailpoint } from '../os/failpoint.ts';
import type { BackupTransaction } from './backup-transaction.ts';
import {
  host,
  manifestBlob,
  noStats,
  owner,
  simpleContent,
  temporaryStore,
  text,
  uploadAll,
  writeBackup,
  writeIndex,
} from './testing/temporary-store.ts';

const says =
  (message: string | RegExp, status = 400) =>
  (error: unknown) => {
    assert.ok(error instanceof GranaryError, String(error));
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(error.status, status);
    return true;
  };

function tree(base: string): string[] {
  return fs
    .readdirSync(base, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path.slice(base.length + 1)} ${(fs.statSync(path).mode & 0o7777).toString(8)}`;
    })
    .filter((line) => !line.startsWith('.chunks/'))
    .sort();
}

describe('a backup', () => {
  it('leaves the tree of the product, with its modes and owner, whatever the umask is', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const mask = process.umask(0o077);
    try {
      await store.createNamespace([], 'n1');
      await writeBackup(store, host('a', 100), simpleContent('x'), ['n1']);
      await store.setGroupNotes(['n1'], host('a', 100), 'notes\n');
      await store.setProtected(['n1'], host('a', 100), true);
      await store.uploadLog(['n1'], host('a', 100), encodeBlob(text('log')));
    } finally {
      process.umask(mask);
    }
    const directory = 'ns/n1/host/a/1970-01-01T00:01:40Z';
    const made = tree(base).filter((line) => !line.startsWith('.chunks'));
    assert.deepEqual(made, [
      '.lock 644',
      'ns 755',
      'ns/n1 755',
      'ns/n1/host 755',
      'ns/n1/host/a 755',
      `${directory} 755`,
      `${directory}/.protected 644`,
      `${directory}/client.log.blob 644`,
      `${directory}/host.conf.blob 644`,
      `${directory}/index.json.blob 644`,
      `${directory}/root.pxar.didx 644`,
      'ns/n1/host/a/notes 644',
      'ns/n1/host/a/owner 644',
    ]);
    assert.equal(fs.readFileSync(join(base, 'ns/n1/host/a/owner'), 'utf8'), 'admin@pbs\n');
    assert.equal(fs.readFileSync(join(base, 'ns/n1/host/a/notes'), 'utf8'), 'notes\n');
    const expected = storeOwner() ?? { uid: process.getuid!(), gid: process.getgid!() };
    for (const line of made) {
      const stat = fs.statSync(join(base, line.replace(/ \d+$/, '')));
      assert.deepEqual([stat.uid, stat.gid], [expected.uid, expected.gid], line);
    }
  });

  it('is unfinished until it is committed, and has its statistics then', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const snapshot = host('a', 100);
    await using transaction = await store.beginBackup([], snapshot, { owner });
    assert.equal(transaction.base, undefined);
    const files = await uploadAll(store, transaction, simpleContent('x'));
    await transaction.writeBlob(manifestName, manifestBlob(snapshot, files));
    const [unfinished] = await store.listSnapshots([]);
    assert.deepEqual([unfinished!.finished, unfinished!.size], [false, undefined]);
    assert.deepEqual(unfinished!.files, [{ filename: 'host.conf.blob' }, { filename: 'root.pxar.didx' }]);
    assert.equal((await store.listGroups([]))[0]!.backupCount, 1);
    assert.equal(temporary.store.context.writers.oldest() !== undefined, true);
    await transaction.commit({ count: 2, size: 3, compressedSize: 4, duplicates: 5 });
    assert.equal(transaction.state, 'finished');
    const raw = fs.readFileSync(join(base, 'host/a/1970-01-01T00:01:40Z', manifestName));
    const manifest = decodeManifestBlob(raw, 'manifest');
    assert.deepEqual(manifest.unprotected, {
      chunk_upload_stats: { count: 2, size: 3, compressed_size: 4, duplicates: 5 },
    });
    assert.deepEqual(manifest.files, files);
    // All locks are free while the connection may still be open.
    assert.equal(temporary.store.context.writers.oldest(), undefined);
    await writeBackup(store, host('a', 200));
    await assert.rejects(transaction.commit(noStats), says('backup already marked as finished.'));
    await assert.rejects(
      transaction.writeBlob('x.blob', encodeBlob(text('x'))),
      says('backup already marked as finished.'),
    );
  });

  it('leaves no trace when it is given up', async () => {
    await using temporary = await temporaryStore();
    const { store, base, lockDir } = temporary;
    {
      await using transaction = await store.beginBackup([], host('a', 100), { owner });
      await uploadAll(store, transaction, simpleContent('x'));
      const open = await transaction.openDynamicIndex('open.pxar.didx');
      open.append(0, noise('d', 32), 5);
      await transaction.writeBlob(manifestName, encodeBlob(text('x')));
    }
    assert.deepEqual(tree(base), ['.chunks 755', '.lock 644', 'host 755']);
    const locks = fs.readdirSync(lockDir, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      locks.filter((entry) => entry.isFile()),
      [],
    );
    // The group may become somebody else's then.
    {
      await using other = await store.beginBackup([], host('a', 100), { owner: 'other@pbs' });
      assert.equal(other.state, 'active');
    }
    // A group with an earlier snapshot keeps it, and its owner.
    await writeBackup(store, host('a', 100));
    {
      await using _second = await store.beginBackup([], host('a', 200), { owner });
      assert.equal((await store.listSnapshots([])).length, 2);
    }
    assert.equal((await store.listSnapshots([])).length, 1);
    assert.equal(await store.readOwner([], host('a', 0)), owner);
  });

  it('waits for what is being written before it is removed', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const transaction = await store.beginBackup([], host('a', 100), { owner });
    const writing = transaction.writeBlob('x.blob', encodeBlob(noise('x', 1_000_000)));
    const index = await transaction.openDynamicIndex('r.pxar.didx');
    const closing = index.close({ count: 1, size: 1, checksum: noise('c', 32) });
    await Promise.all([
      transaction[Symbol.asyncDispose](),
      writing.catch(() => {}),
      assert.rejects(closing, /unexpected chunk count/),
    ]);
    assert.deepEqual(tree(base), ['.chunks 755', '.lock 644', 'host 755']);
  });

  it('of the benchmark group is removed in any case, and belongs to anybody', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('benchmark', 50));
    {
      const options = { owner: 'other@pbs', benchmark: true };
      await using transaction = await store.beginBackup([], host('benchmark', 100), options);
      await transaction.writeBlob('x.blob', encodeBlob(text('x')));
      await transaction.writeBlob(manifestName, manifestBlob(host('benchmark', 100), []));
      await transaction.commit(noStats);
    }
    assert.equal(fs.existsSync(join(base, 'host/benchmark/1970-01-01T00:01:40Z')), false);
    assert.equal((await store.listSnapshots([])).length, 1);
  });
});

describe('starting a backup', () => {
  it('makes the checks of the protocol, with its texts', async () => {
    await using temporary = await temporaryStore();
    const { store, lockDir } = temporary;
    const begin = (id: string, time: number, as = owner): Promise<BackupTransaction> =>
      store.beginBackup([], host(id, time), { owner: as });
    await assert.rejects(store.beginBackup(['none'], host('a', 1), { owner }), says('namespace not found', 404));
    await writeBackup(store, host('a', 100));
    {
      await using _running = await begin('a', 200);
      const text = `unable to acquire backup group lock "${lockDir}/fixture/host-a"`;
      await assert.rejects(begin('a', 300), says(text));
      await using _other = await begin('b', 300);
    }
    await assert.rejects(begin('a', 200, 'other@pbs'), says('backup owner check failed (other@pbs != admin@pbs)'));
    await assert.rejects(begin('a', 200, 'admin@pbs!t'), says('backup owner check failed (admin@pbs!t != admin@pbs)'));
    for (const time of [100, 99]) {
      await assert.rejects(begin('a', time), says('backup timestamp is older than last backup.'));
    }
    fs.mkdirSync(join(temporary.base, 'host/a/1970-01-01T00:05:00Z'));
    await assert.rejects(begin('a', 300), says('backup directory already exists.'));
    {
      using _removal = await store.context.locks.snapshot([], host('a', 100));
      const text =
        /^while locking last snapshot during backup 'host\/a\/1970-01-01T00:01:40Z': unable to acquire shared snapshot lock ".*"$/;
      await assert.rejects(begin('a', 400), says(text));
    }
    // After every refusal all locks are free again.
    await using _works = await begin('a', 400);
  });

  it('lets the user of an owning token in', async () => {
    await using temporary = await temporaryStore();
    await using transaction = await temporary.store.beginBackup([], host('a', 1), { owner: 'u@pbs!t' });
    await transaction.writeBlob('x.blob', encodeBlob(text('x')));
    await transaction.writeBlob(manifestName, manifestBlob(host('a', 1), []));
    await transaction.commit(noStats);
    await using _user = await temporary.store.beginBackup([], host('a', 2), { owner: 'u@pbs' });
  });

  it('does not start a second one in another process', async () => {
    await using temporary = await temporaryStore();
    const { store, base, lockDir } = temporary;
    const program = `
      const { Datastore } = await import(${JSON.stringify(new URL('./datastore.ts', import.meta.url).href)});
      const store = await Datastore.open('fixture', { path: ${JSON.stringify(base)} }, { lockDir: ${JSON.stringify(lockDir)} });
      const snapshot = { type: 'host', id: 'a', time: 500 };
      let keep;
      try {
        keep = await store.beginBackup([], snapshot, { owner: 'admin@pbs' });
        console.log('started');
        setInterval(() => {}, 1000);
      } catch (error) { console.log(error.message); }
    `;
    const run = ['--input-type=module', '-e', program];
    {
      await using _ours = await store.beginBackup([], host('a', 400), { owner });
      const answer = execFileSync(process.execPath, run, { encoding: 'utf8' });
      assert.equal(answer, `unable to acquire backup group lock "${lockDir}/fixture/host-a"\n`);
    }
    const theirs = spawn(process.execPath, run, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = (await once(theirs.stdout, 'data')) as [Buffer];
    assert.equal(String(said), 'started\n');
    await assert.rejects(store.beginBackup([], host('a', 600), { owner }), /unable to acquire backup group lock/);
    theirs.kill('SIGKILL');
    await once(theirs, 'exit');
    // What it left is an unfinished snapshot; the group goes on.
    await writeBackup(store, host('a', 600));
    assert.deepEqual(
      (await store.listSnapshots([])).map(({ time, finished }) => [time, finished]),
      [
        [500, false],
        [600, true],
      ],
    );
  });

  it('has the newest finished snapshot as its base, unless that failed verification', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const baseOf = async (time: number): Promise<number | undefined> => {
      await using transaction = await store.beginBackup([], host('a', time), { owner });
      return transaction.base?.snapshot.time;
    };
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('a', 200));
    fs.mkdirSync(join(base, 'host/a/1970-01-01T00:05:00Z'));
    assert.equal(await baseOf(400), 200);
    const state = (value: string) => (unprotected: Record<string, unknown>) => {
      unprotected['verify_state'] = { state: value, upid: 'U' };
    };
    await store.updateManifest([], host('a', 200), state('ok'));
    assert.equal(await baseOf(400), 200);
    await store.updateManifest([], host('a', 200), state('failed'));
    assert.equal(await baseOf(400), undefined);
    assert.equal(await baseOf(150), undefined);
    fs.writeFileSync(join(base, 'host/a/1970-01-01T00:03:20Z', manifestName), 'rubbish');
    assert.equal(await baseOf(400), undefined);
    // Its base cannot be removed while it runs.
    fs.rmSync(join(base, 'host/a/1970-01-01T00:03:20Z'), { recursive: true });
    await using _running = await store.beginBackup([], host('a', 400), { owner });
    await assert.rejects(store.removeSnapshot([], host('a', 100)), /unable to acquire snapshot lock/);
  });

  it('does not take an empty group from its owner', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    fs.mkdirSync(join(base, 'host/a'), { recursive: true });
    fs.writeFileSync(join(base, 'host/a/owner'), 'somebody@pbs\n');
    for (let n = 0; n < 2; n++) {
      await assert.rejects(
        store.beginBackup([], host('a', 100), { owner }),
        says('backup owner check failed (admin@pbs != somebody@pbs)'),
      );
    }
    assert.equal(fs.readFileSync(join(base, 'host/a/owner'), 'utf8'), 'somebody@pbs\n');
  });

  it('recovers a group that a crash left without an owner', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    fs.mkdirSync(join(base, 'host/a'), { recursive: true });
    await writeBackup(store, host('a', 100));
    assert.equal(await store.readOwner([], host('a', 0)), owner);
    fs.rmSync(join(base, 'host/a/owner'));
    await assert.rejects(store.beginBackup([], host('a', 200), { owner }), /unable to load owner of group 'host\/a'/);
  });
});

describe('files of a backup', () => {
  it('have plain names of the right kind', async () => {
    await using temporary = await temporaryStore();
    await using transaction = await temporary.store.beginBackup([], host('a', 100), { owner });
    const raw = encodeBlob(text('x'));
    await assert.rejects(transaction.writeBlob('x.didx', raw), says("wrong blob file extension: 'x.didx'"));
    for (const name of ['../x.blob', 'a/x.blob', '/etc/x.blob', '.blob', '..blob', 'x\0.blob', '-x.blob']) {
      await assert.rejects(transaction.writeBlob(name, raw), says(`'${name}' is not a plain file name`));
    }
    for (const name of ['../x.didx', 'a/x.didx', '.didx', 'x.fidx', 'x.blob', 'x']) {
      await assert.rejects(transaction.openDynamicIndex(name), says(`wrong archive extension: '${name}'`));
    }
    await assert.rejects(transaction.openFixedIndex('x.didx', { size: 1 }), says("wrong archive extension: 'x.didx'"));
    assert.deepEqual(fs.readdirSync(join(temporary.base, 'host/a/1970-01-01T00:01:40Z')), []);
  });

  it('are sound blobs', async () => {
    await using temporary = await temporaryStore();
    await using transaction = await temporary.store.beginBackup([], host('a', 100), { owner });
    const raw = encodeBlob(text('x'));
    const wrong: [Uint8Array, string][] = [
      [raw.with(20, raw[20]! ^ 1), 'Data blob has wrong CRC checksum.'],
      [raw.with(0, 0), 'unable to parse raw blob - wrong magic'],
      [raw.slice(0, 11), 'blob too small (11 bytes).'],
      [encryptedChunk(text('x')).blob.slice(0, 30), 'encrypted blob too small (30 bytes).'],
    ];
    for (const [bytes, message] of wrong) {
      for (const name of ['x.blob', manifestName]) {
        await assert.rejects(transaction.writeBlob(name, bytes), says(message));
      }
    }
    assert.deepEqual(await transaction.writeBlob('x.blob', raw), {
      path: join(temporary.base, 'host/a/1970-01-01T00:01:40Z/x.blob'),
      compressed: raw.byteLength,
    });
    const other = encodeBlob(text('y'));
    await transaction.writeBlob('x.blob', other);
    assert.deepEqual(fs.readFileSync(join(temporary.base, 'host/a/1970-01-01T00:01:40Z/x.blob')), Buffer.from(other));
  });
});

describe('finishing a backup', () => {
  it('is refused while something is missing or wrong, and may be tried again', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100));
    const snapshot = host('a', 200);
    const directory = join(base, 'host/a/1970-01-01T00:03:20Z');
    await using transaction = await store.beginBackup([], snapshot, { owner });
    const refused = (message: string | RegExp): Promise<void> =>
      assert.rejects(transaction.commit(noStats), says(message));
    await refused('backup does not contain valid files (file count == 0)');
    const open = await transaction.openDynamicIndex('open.pxar.didx');
    await refused('found open index writer - unable to finish backup');
    open.abort();
    const [file] = await uploadAll(store, transaction, { blobs: { 'x.blob': encodeBlob(text('x')) } });
    await refused(
      `unable to update manifest blob - unable to load blob '"${directory}/index.json.blob"' - No such file or directory (os error 2)`,
    );
    const withManifest = async (raw: Uint8Array, message: string | RegExp): Promise<void> => {
      await transaction.writeBlob(manifestName, raw);
      await refused(message);
    };
    const context = 'unable to update manifest blob - ';
    await withManifest(
      encodeBlob(text('x')),
      /^unable to update manifest blob - unable to parse backup manifest json - /,
    );
    await withManifest(
      encryptedChunk(text('x')).blob,
      /^unable to update manifest blob - unable to parse backup manifest json - /,
    );
    const listed = (...files: NonNullable<typeof file>[]): Uint8Array => manifestBlob(snapshot, files);
    await withManifest(
      listed(file!, { ...file!, filename: 'y.blob' }),
      `${context}file 'y.blob' is listed, but was not uploaded in this session`,
    );
    await withManifest(
      listed({ ...file!, size: 1 }),
      `${context}file 'x.blob' has size ${file!.size}, the manifest says 1`,
    );
    const csum = 'ab'.repeat(32);
    await withManifest(
      listed({ ...file!, csum }),
      `${context}file 'x.blob' has checksum ${file!.csum}, the manifest says ${csum}`,
    );
    // What was uploaded last counts, as it is what is stored.
    await transaction.writeBlob('x.blob', encodeBlob(text('longer')));
    await withManifest(listed(file!), /file 'x\.blob' has size/);
    await transaction.writeBlob('x.blob', encodeBlob(text('x')));
    const aside = join(base, 'aside');
    fs.renameSync(join(base, 'host/a/1970-01-01T00:01:40Z'), aside);
    await withManifest(
      listed(file!),
      'base snapshot host/a/1970-01-01T00:01:40Z was removed during backup, cannot finish as chunks might be missing',
    );
    fs.renameSync(aside, join(base, 'host/a/1970-01-01T00:01:40Z'));
    assert.equal(transaction.state, 'active');
    assert.equal(fs.existsSync(join(directory, manifestName)), false);
    await transaction.commit(noStats);
    assert.equal((await store.readManifest([], snapshot)).files.length, 1);
  });

  it('accepts a manifest without files, and keeps what the client put into it', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await using transaction = await store.beginBackup([], host('a', 100), { owner });
    const json = {
      'backup-type': 'host',
      'backup-id': 'a',
      'backup-time': 100,
      files: [],
      future: [1],
      unprotected: { mine: { deep: true } },
    };
    await transaction.writeBlob(manifestName, encodeBlob(Buffer.from(JSON.stringify(json))));
    await transaction.commit(noStats);
    const { unprotected, extra } = await store.readManifest([], host('a', 100));
    assert.deepEqual(extra, { future: [1] });
    assert.deepEqual(unprotected['mine'], { deep: true });
  });

  it('fails whole when the disk is full at any step, and works once there is room', async () => {
    for (const point of [
      'commit:before-sync',
      'commit:after-sync',
      'commit:before-manifest',
      'atomic-file:before-write',
      'atomic-file:after-write',
    ]) {
      await using temporary = await temporaryStore({ tuning: { 'sync-level': 'file' } });
      const { store } = temporary;
      await using transaction = await store.beginBackup([], host('a', 100), { owner });
      const files = await uploadAll(store, transaction, simpleContent('x'));
      await transaction.writeBlob(manifestName, manifestBlob(host('a', 100), files));
      setFailpoint(point, 'ENOSPC');
      try {
        await assert.rejects(transaction.commit(noStats), (error: GranaryError) => {
          assert.equal(error.code, 'io', point);
          assert.match(error.message, /ENOSPC/);
          return true;
        });
      } finally {
        setFailpoint(point, undefined);
      }
      assert.equal((await store.listSnapshots([]))[0]!.finished, false, point);
      await transaction.commit(noStats);
      assert.equal((await store.listSnapshots([]))[0]!.finished, true, point);
    }
  });

  it('is possible once at a time', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await using transaction = await store.beginBackup([], host('a', 100), { owner });
    await transaction.writeBlob(manifestName, manifestBlob(host('a', 100), []));
    const first = transaction.commit(noStats);
    await assert.rejects(transaction.commit(noStats), says('backup is already in the process of finishing.'));
    await first;
  });

  it('works with images, at every sync level', async () => {
    for (const level of ['none', 'file', 'filesystem'] as const) {
      await using temporary = await temporaryStore({ tuning: { 'sync-level': level } });
      const { store } = temporary;
      await using transaction = await store.beginBackup([], { type: 'vm', id: '100', time: 100 }, { owner });
      const chunks = [plainChunk(new Uint8Array(fixedChunkSize)), plainChunk(noise('end', 512))];
      for (const chunk of chunks) await store.chunks.insert(chunk.digest, chunk.blob);
      const file = await writeIndex(transaction, 'drive-scsi0.img.fidx', chunks);
      await transaction.writeBlob(manifestName, manifestBlob({ type: 'vm', id: '100', time: 100 }, [file]));
      await transaction.commit(noStats);
      const index = await store.openIndex([], { type: 'vm', id: '100', time: 100 }, 'drive-scsi0.img.fidx');
      assert.deepEqual([index.count, index.size], [2, fixedChunkSize + 512]);
    }
  });
});
