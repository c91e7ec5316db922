import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { toHex } from '../base/bytes.ts';
import type { GranaryError } from '../base/errors.ts';
import { chunkPath } from '../chunk-store/layout.ts';
import { encryptedChunk, plainChunk } from '../chunk-store/testing/chunks.ts';
import type { BackupSnapshot } from '../model/backup.ts';
import { host, type TemporaryStore, temporaryStore, text, writeBackup } from './testing/temporary-store.ts';
import { Verification, type VerifyOptions } from './verify.ts';

const upid = 'UPID:node:00000001:00000001:00000001:65500000:verify:fixture:root@pam:';

interface Run {
  verification: Verification;
  lines: string[];
}

function start({ store }: TemporaryStore, options: Partial<VerifyOptions> = {}): Run {
  const lines: string[] = [];
  const verification = new Verification(store, { upid, log: (line) => lines.push(line), ...options });
  return { verification, lines };
}

/** Numbers that depend on the machine become `#`. */
const shape = (line: string): string =>
  line.replace(/in \d+\.\d\d seconds, speed [\d.]+\/[\d.]+ MiB/, 'in # seconds, speed # MiB');

async function stateOf({ store }: TemporaryStore, snapshot: BackupSnapshot): Promise<unknown> {
  return (await store.readManifest([], snapshot)).unprotected['verify_state'];
}

function spoil({ base }: TemporaryStore, digest: Uint8Array, change: (bytes: Buffer) => Uint8Array): string {
  const path = chunkPath(base, toHex(digest));
  fs.writeFileSync(path, change(fs.readFileSync(path)));
  return path;
}

describe('verification', () => {
  it('logs a snapshot as the product does, and writes the result', async () => {
    await using temporary = await temporaryStore({ fixture: true });
    const { verification, lines } = start(temporary);
    const snapshot = { type: 'vm', id: '100', time: 1700000000 } as const;
    assert.equal(await verification.verifySnapshot([], snapshot), true);
    const golden = JSON.parse(productFile('api/task-log-verify.json').toString()) as { data: { t: string }[] };
    const expected = golden.data.map(({ t }) => t.replace(/^\S+: /, '')).filter((t) => t !== 'TASK OK');
    assert.deepEqual(lines.map(shape), expected.map(shape));
    assert.match(
      lines[2]!,
      /^ {2}verified 0\.25\/9\.50 MiB in \d+\.\d\d seconds, speed [\d.]+\/[\d.]+ MiB\/s \(0 errors\)$/,
    );
    assert.deepEqual(await stateOf(temporary, snapshot), { state: 'ok', upid });
  });

  it('looks at as many chunks at the same time as it is told to', async (t) => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    const chunks = Array.from({ length: 100 }, (_, i) => plainChunk(text(`chunk ${i}`)));
    await writeBackup(store, host('a', 1), { archives: { 'a.pxar.didx': chunks } });
    const check = store.chunks.check.bind(store.chunks);
    let [now, most] = [0, 0];
    t.mock.method(store.chunks, 'check', async (...given: Parameters<typeof check>) => {
      // What one thread does in one go.
      const batches = Math.ceil(given[0].length / 8);
      now += batches;
      most = Math.max(most, now);
      const checks = await check(...given);
      now -= batches;
      return checks;
    });
    const seen: number[] = [];
    for (const threads of [1, 2, 3, 4, 5]) {
      most = 0;
      assert.equal(await start(temporary, { threads }).verification.verifySnapshot([], host('a', 1)), true);
      seen.push(most);
    }
    // From four on a second round waits behind the first.
    assert.deepEqual(seen, [1, 2, 3, 8, 12]);
  });

  it('finds nothing wrong in the datastore that the product wrote', async () => {
    await using temporary = await temporaryStore({ fixture: true });
    const { verification, lines } = start(temporary);
    const failed = await verification.verifyDatastore();
    assert.deepEqual(failed, []);
    verification.conclude(failed);
    assert.equal(lines[0], 'verify datastore fixture');
    assert.equal(lines[1], 'found 8 groups');
    assert.equal(lines[2], 'verify group fixture:host/enc-host (2 snapshots)');
    assert.equal(lines[3], 'verify fixture:host/enc-host/2023-11-15T22:13:20Z');
    const progress = lines.filter((line) => line.startsWith('percentage'));
    assert.deepEqual(progress.slice(0, 3), [
      'percentage done: 6.25% (0/8 groups, 1/2 snapshots in group #1)',
      'percentage done: 12.50% (1/8 groups)',
      'percentage done: 18.75% (1/8 groups, 1/2 snapshots in group #2)',
    ]);
    assert.equal(progress.at(-1), 'percentage done: 100.00% (8/8 groups)');
    assert.ok(lines.includes('verify fixture:ns/ns1/ns/nested/host/tiny/2023-11-15T22:13:20Z'));
    for (const { verification: state } of await temporary.store.listSnapshots([])) assert.equal(state?.state, 'ok');
    // Each chunk is read once in a run: the second snapshot of a group has little left to read.
    assert.ok(lines.some((line) => line.startsWith('  verified 0.00/0.00 MiB')));
  });

  it('names a corrupt chunk, sets it aside, and fails every snapshot that needs it', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    const shared = plainChunk(text('shared'));
    const content = { archives: { 'root.pxar.didx': [plainChunk(text('own')), shared] } };
    await writeBackup(store, host('a', 100), content);
    await writeBackup(store, host('a', 200), { archives: { 'x.pxar.didx': [shared, shared] } });
    await writeBackup(store, host('b', 100));
    const path = spoil(temporary, shared.digest, (bytes) => bytes.with(20, bytes[20]! ^ 1));
    const { verification, lines } = start(temporary);
    const failed = await verification.verifyDatastore();
    assert.deepEqual(failed, ['host/a/1970-01-01T00:03:20Z', 'host/a/1970-01-01T00:01:40Z']);
    const hex = toHex(shared.digest);
    assert.ok(lines.includes(`chunk ${hex}: Data blob has wrong CRC checksum.`));
    assert.ok(lines.includes(`corrupt chunk renamed to "${path}.0.bad"`));
    assert.ok(lines.includes(`chunk ${hex}: chunk was marked as corrupt`));
    assert.deepEqual(
      lines.filter((line) => line.includes(' errors)')).map((line) => /(\d+) errors/.exec(line)![1]),
      ['1', '1', '0'],
    );
    assert.deepEqual([fs.existsSync(path), fs.existsSync(`${path}.0.bad`)], [false, true]);
    assert.throws(() => verification.conclude(failed), /verification failed - please check the log for details/);
    assert.deepEqual(lines.slice(-3), [
      'Failed to verify the following snapshots/groups:',
      '\thost/a/1970-01-01T00:03:20Z',
      '\thost/a/1970-01-01T00:01:40Z',
    ]);
    assert.deepEqual(await stateOf(temporary, host('a', 200)), { state: 'failed', upid });
    assert.deepEqual(await stateOf(temporary, host('b', 100)), { state: 'ok', upid });

    // The next backup with that content brings the chunk again, and everything is sound again.
    await writeBackup(store, host('c', 100), { archives: { 'x.pxar.didx': [shared] } });
    assert.deepEqual(await start(temporary).verification.verifyDatastore(), []);
  });

  it('finds each kind of damage, and leaves sound chunks where they are', async () => {
    const sealed = encryptedChunk(text('sealed'));
    const one = plainChunk(text('one'));
    const damages: [string, (t: TemporaryStore, directory: string) => void, RegExp][] = [
      ['missing chunk', (t) => fs.rmSync(chunkPath(t.base, toHex(one.digest))), /: chunk is missing/],
      [
        'other content',
        (t) => spoil(t, one.digest, () => plainChunk(text('two')).blob),
        /detected chunk with wrong digest/,
      ],
      ['encrypted chunk', (t) => spoil(t, one.digest, () => sealed.blob), /chunk is encrypted, but has to be plain/],
      ['truncated chunk', (t) => spoil(t, one.digest, (b) => b.subarray(0, 5)), /blob too small/],
      ['missing index', (_, d) => fs.rmSync(join(d, 'root.pxar.didx')), /Unable to open dynamic index/],
      ['truncated index', (_, d) => fs.truncateSync(join(d, 'root.pxar.didx'), 4100), /not a multiple of 40/],
      [
        'another index',
        (_, d) => {
          const path = join(d, 'root.pxar.didx');
          const bytes = fs.readFileSync(path);
          bytes[4096 + 20]! ^= 1;
          fs.writeFileSync(path, bytes);
        },
        /wrong index checksum/,
      ],
      ['missing blob', (_, d) => fs.rmSync(join(d, 'host.conf.blob')), /ENOENT/],
      ['longer blob', (_, d) => fs.appendFileSync(join(d, 'host.conf.blob'), 'x'), /wrong size/],
      [
        'changed blob',
        (_, d) => {
          const path = join(d, 'host.conf.blob');
          fs.writeFileSync(path, fs.readFileSync(path).with(13, 0));
        },
        /wrong index checksum/,
      ],
      ['rubbish manifest', (_, d) => fs.writeFileSync(join(d, 'index.json.blob'), 'x'), /manifest load error/],
      ['no manifest', (_, d) => fs.rmSync(join(d, 'index.json.blob')), /manifest load error: manifest not found/],
    ];
    for (const [name, damage, expected] of damages) {
      await using temporary = await temporaryStore();
      const conf = plainChunk(text('conf')).blob;
      const content = { archives: { 'root.pxar.didx': [one] }, blobs: { 'host.conf.blob': conf } };
      await writeBackup(temporary.store, host('a', 100), content);
      damage(temporary, join(temporary.base, 'host/a/1970-01-01T00:01:40Z'));
      const { verification, lines } = start(temporary);
      assert.equal(await verification.verifySnapshot([], host('a', 100)), false, name);
      assert.ok(
        lines.some((line) => expected.test(line)),
        `${name}: ${lines.join('\n')}`,
      );
      const bad = fs.existsSync(`${chunkPath(temporary.base, toHex(one.digest))}.0.bad`);
      assert.equal(bad, name === 'other content' || name === 'truncated chunk', name);
    }
  });

  it('skips what is in use or was verified recently, and verifies failures again', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    for (const time of [100, 200, 300]) await writeBackup(store, host('a', time));
    const state = (value: 'ok' | 'failed') => (unprotected: Record<string, unknown>) => {
      unprotected['verify_state'] = { state: value, upid };
    };
    await store.updateManifest([], host('a', 100), state('ok'));
    await store.updateManifest([], host('a', 200), state('failed'));
    const { verification, lines } = start(temporary, { ignoreVerified: true });
    {
      using _removal = await store.context.locks.snapshot([], host('a', 300));
      assert.deepEqual(await verification.verifyGroup([], host('a', 0)), []);
    }
    assert.match(
      lines[1]!,
      /^SKIPPED: verify fixture:host\/a\/1970-01-01T00:05:00Z - could not acquire snapshot lock: unable to acquire shared snapshot lock ".*"$/,
    );
    assert.equal(lines[2], 'percentage done: 33.33% (1/3 snapshots)');
    assert.equal(lines[3], 'verify fixture:host/a/1970-01-01T00:03:20Z');
    assert.equal(lines.at(-2), 'SKIPPED: verify fixture:host/a/1970-01-01T00:01:40Z (recently verified)');
    assert.equal(lines.at(-1), 'percentage done: 100.00% (3/3 snapshots)');
    assert.equal(await verification.verifySnapshot([], host('gone', 1)), true);

    // The result is of second 0x65500000; after 30 days and a little it is floor(30.x) = 30 days old.
    for (const [days, skipped] of [
      [30.9, true],
      [31, false],
    ] as const) {
      const clock = { now: () => (0x65500000 + days * 86400) * 1000 };
      const run = start(temporary, { ignoreVerified: true, outdatedAfter: 30, clock });
      await run.verification.verifySnapshot([], host('a', 100));
      assert.equal(run.lines[0]!.startsWith('SKIPPED'), skipped, String(days));
    }
  });

  it('is cancelled in the middle of an index', async () => {
    await using temporary = await temporaryStore();
    const chunks = Array.from({ length: 400 }, (_, i) => plainChunk(text(`chunk ${i}`)));
    await writeBackup(temporary.store, host('a', 100), { archives: { 'root.pxar.didx': chunks } });
    const controller = new AbortController();
    const { chunks: store } = temporary.store;
    const check = store.check.bind(store);
    let looked = 0;
    store.check = async (expected, options) => {
      looked += expected.length;
      assert.equal(options?.signal, controller.signal);
      const answers = await check(expected, options);
      controller.abort();
      return answers;
    };
    const { verification, lines } = start(temporary, { signal: controller.signal });
    await assert.rejects(verification.verifyDatastore(), { code: 'aborted' });
    assert.ok(looked < 100, String(looked));
    assert.match(lines.at(-1)!, /check root\.pxar\.didx/);
    assert.equal(await stateOf(temporary, host('a', 100)), undefined);
  });

  it('can be cancelled', async () => {
    await using temporary = await temporaryStore({ fixture: true });
    const controller = new AbortController();
    const lines: string[] = [];
    const log = (line: string): void => {
      lines.push(line);
      if (lines.length === 5) controller.abort();
    };
    const verification = new Verification(temporary.store, { upid, log, signal: controller.signal });
    await assert.rejects(verification.verifyDatastore(), (error: GranaryError) => error.code === 'aborted');
    assert.ok(lines.length < 8);
  });
});
