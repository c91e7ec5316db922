import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { timeLeft } from '../base/time-left.ts';
import { chunkPath, digestName } from '../chunk-store/layout.ts';
import { noCounts } from '../chunk-store/sweep-counts.ts';
import { plainChunk, type TestChunk } from '../chunk-store/testing/chunks.ts';
import { encodeFixedIndex } from '../format/fixed-index.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { collectGarbage, type GcOptions, smallestAccessTime } from './garbage-collection.ts';
import {
  host,
  owner,
  simpleContent,
  type TemporaryStore,
  temporaryStore,
  text,
  uploadAll,
  writeBackup,
} from './testing/temporary-store.ts';

const upid = 'UPID:n:00000001:00000001:00000001:00000001:garbage_collection:fixture:root@pam:';
const day = 86_400;

interface Run {
  lines: string[];
  warnings: string[];
}

function gcOptions(run: Run, more: Partial<GcOptions> = {}): GcOptions {
  return { upid, log: (line) => run.lines.push(line), warn: (line) => run.warnings.push(line), ...more };
}

async function collect(temporary: TemporaryStore, more: Partial<GcOptions> = {}) {
  const run: Run = { lines: [], warnings: [] };
  const status = await collectGarbage(temporary.store.context, gcOptions(run, more));
  return { status, ...run };
}

const pathOf = (temporary: TemporaryStore, chunk: TestChunk): string =>
  chunkPath(temporary.base, digestName(chunk.digest));
const exists = (temporary: TemporaryStore, chunk: TestChunk): boolean => fs.existsSync(pathOf(temporary, chunk));

/** Makes every chunk file last used that many seconds ago. */
function ageAll(temporary: TemporaryStore, seconds: number): void {
  const root = join(temporary.base, '.chunks');
  const used = Date.now() / 1000 - seconds;
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) fs.utimesSync(join(entry.parentPath, entry.name), used, 1000);
  }
}

const archive = (...chunks: TestChunk[]) => ({ archives: { 'root.pxar.didx': chunks } });

describe('garbage collection', () => {
  it("finds in the product's datastore what the product found", async () => {
    await using temporary = await temporaryStore({ fixture: true });
    ageAll(temporary, 30 * day);
    const { status, lines, warnings } = await collect(temporary);
    assert.deepEqual(
      [status['index-file-count'], status['index-data-bytes'], status['disk-bytes'], status['disk-chunks']],
      [24, 130_492_054, 4_927_730, 42],
    );
    assert.deepEqual([status['removed-chunks'], status['pending-chunks'], warnings], [0, 0, []]);
    assert.deepEqual(await temporary.store.gcStatus(), status);
    assert.deepEqual(
      lines.slice(0, 4).map((line) => line.replace(/is .*Z$/, 'is TIME')),
      [
        'Access time update check successful, proceeding with GC.',
        'Using access time cutoff 1d 5m, minimum access time is TIME',
        'Start GC phase1 (mark used chunks)',
        'marked 4% (1 of 24 index files)',
      ],
    );
    assert.deepEqual(lines.slice(-7), [
      'Removed garbage: 0 B',
      'Removed chunks: 0',
      'Original data usage: 124.447 MiB',
      'On-Disk usage: 4.699 MiB (3.78%)',
      'On-Disk chunks: 42',
      'Deduplication factor: 26.48',
      'Average chunk size: 114.577 KiB',
    ]);
  });

  it('removes what no snapshot needs any more, and nothing else', async () => {
    await using temporary = await temporaryStore();
    const [shared, first, second] = ['shared', 'first', 'second'].map((seed) => plainChunk(text(seed))) as [
      TestChunk,
      TestChunk,
      TestChunk,
    ];
    await writeBackup(temporary.store, host('a', 1000), archive(shared, first));
    await writeBackup(temporary.store, host('a', 2000), archive(shared, second), []);
    await temporary.store.removeSnapshot([], host('a', 1000));
    ageAll(temporary, 100);
    const pending = await collect(temporary);
    assert.deepEqual([pending.status['removed-chunks'], pending.status['pending-chunks']], [0, 1]);
    ageAll(temporary, 2 * day);
    const { status } = await collect(temporary);
    assert.deepEqual([status['removed-chunks'], status['removed-bytes']], [1, first.blob.byteLength]);
    assert.deepEqual(
      [shared, first, second].map((chunk) => exists(temporary, chunk)),
      [true, false, true],
    );
  });

  it('marks every index once, in namespaces and strange places too, however few digests it keeps', async () => {
    await using temporary = await temporaryStore();
    const ns = await temporary.store.createNamespace([], 'deep');
    const chunks = Array.from({ length: 30 }, (_, i) => plainChunk(text(`many ${i}`)));
    await writeBackup(temporary.store, host('a', 1000), archive(...chunks), ns);
    const strange = join(temporary.base, 'strange');
    fs.cpSync(join(temporary.base, 'ns/deep/host/a/1970-01-01T00:16:40Z'), strange, { recursive: true });
    await temporary.store.removeSnapshot(ns, host('a', 1000));
    ageAll(temporary, 2 * day);
    const { status } = await collect(temporary, { cacheCapacity: 0 });
    assert.deepEqual([status['index-file-count'], status['disk-chunks'], status['removed-chunks']], [1, 30, 0]);
  });

  it('marks every digest, and none again that it remembers, whatever the capacity', async () => {
    await using temporary = await temporaryStore();
    const { context } = temporary.store;
    const digests = Array.from({ length: 6000 }, (_, i) => createHash('sha256').update(`${i}`).digest());
    // The second image did not change, the third shares a part of the first.
    const images = [
      digests.slice(0, 4000),
      digests.slice(0, 4000),
      [...digests.slice(4000), ...digests.slice(0, 1000)],
    ];
    images.forEach((list, i) => {
      const directory = join(temporary.base, `vm/${i}/1970-01-01T00:16:40Z`);
      fs.mkdirSync(directory, { recursive: true });
      const size = list.length * 4096;
      const index = encodeFixedIndex({ uuid: Buffer.alloc(16, i), ctime: 1, size, chunkSize: 4096, digests: list });
      fs.writeFileSync(join(directory, 'disk.img.fidx'), index);
    });
    for (const [cacheCapacity, marks, hits] of [
      [0, 7000, 4000],
      [8000, 6000, 5000],
    ] as const) {
      const marked: string[] = [];
      const chunks = Object.create(context.chunks, {
        mark: {
          value: async (list: Uint8Array) => {
            for (let at = 0; at < list.byteLength; at += 32) marked.push(toHex(list.subarray(at, at + 32)));
            return new Uint32Array();
          },
        },
        sweep: { value: async () => noCounts() },
      });
      const run: Run = { lines: [], warnings: [] };
      const status = await collectGarbage({ ...context, chunks }, gcOptions(run, { cacheCapacity }));
      assert.deepEqual([...new Set(marked)].sort(), digests.map(toHex).sort());
      assert.deepEqual([marked.length, status['cache-stats']], [marks, { hits, misses: marks }]);
      assert.equal(status['index-data-bytes'], 11_000 * 4096);
      assert.deepEqual(
        run.lines.filter((line) => line.startsWith('marked')),
        ['marked 33% (1 of 3 index files)', 'marked 66% (2 of 3 index files)', 'marked 100% (3 of 3 index files)'],
      );
    }
  });

  it('estimates the time that is left once it has worked for a while', () => {
    let now = 5000;
    const left = timeLeft(() => now);
    assert.equal(left(0.5), '');
    now += 20_000;
    assert.deepEqual([left(0), left(0.5), left(0.01), left(1)], ['', ', about 20s left', ', about 33m left', '']);
  });

  it('removes nothing when an index cannot be read', async () => {
    await using temporary = await temporaryStore();
    const lost = plainChunk(text('lost'));
    await writeBackup(temporary.store, host('a', 1000), archive(lost));
    await temporary.store.removeSnapshot([], host('a', 1000));
    await writeBackup(temporary.store, host('b', 1000));
    ageAll(temporary, 2 * day);
    const index = join(temporary.base, 'host/b/1970-01-01T00:16:40Z/root.pxar.didx');
    const whole = fs.readFileSync(index);
    for (const damaged of [whole.subarray(0, 100), Buffer.alloc(5000), whole.subarray(0, whole.length - 1)]) {
      fs.writeFileSync(index, damaged);
      await assert.rejects(collect(temporary), (error: GranaryError) => error.message.includes(index));
      assert.ok(exists(temporary, lost));
    }
    fs.writeFileSync(index, whole);
    assert.equal((await collect(temporary)).status['removed-chunks'], 1);
  });

  it('removes nothing when an index that it has found cannot even be looked at any more', async () => {
    await using temporary = await temporaryStore();
    const { context } = temporary.store;
    const lost = plainChunk(text('lost'));
    await writeBackup(temporary.store, host('a', 1000), archive(lost));
    await temporary.store.removeSnapshot([], host('a', 1000));
    const digests = Array.from({ length: 2000 }, (_, i) => createHash('sha256').update(`${i}`).digest());
    const directories = [1, 2, 3, 4, 5, 6].map((i) => join(temporary.base, `vm/${i}/1970-01-01T00:16:40Z`));
    for (const directory of directories) {
      fs.mkdirSync(directory, { recursive: true });
      const size = digests.length * 4096;
      const index = encodeFixedIndex({ uuid: Buffer.alloc(16), ctime: 1, size, chunkSize: 4096, digests });
      fs.writeFileSync(join(directory, 'disk.img.fidx'), index);
    }
    ageAll(temporary, 2 * day);
    const last = directories.at(-1)!;
    const breakLast = (how: () => void) => {
      const mark = (list: Uint8Array) => {
        if (!fs.lstatSync(last, { throwIfNoEntry: false })?.isSymbolicLink()) {
          fs.rmSync(last, { recursive: true, force: true });
          how();
        }
        return context.chunks.mark(list);
      };
      const chunks = Object.create(context.chunks, {
        mark: { value: mark },
        sweep: { value: context.chunks.sweep.bind(context.chunks) },
      });
      const run: Run = { lines: [], warnings: [] };
      return collectGarbage({ ...context, chunks }, gcOptions(run, { cacheCapacity: 0 }));
    };
    // A loop: neither opening nor looking works, but nothing is gone.
    await assert.rejects(
      breakLast(() => fs.symlinkSync(last, last)),
      /Unable to open fixed index .*ELOOP/,
    );
    assert.ok(exists(temporary, lost));
    fs.rmSync(last);
    fs.cpSync(directories[0]!, last, { recursive: true });
    const status = await breakLast(() => {});
    assert.deepEqual([status['index-file-count'], status['removed-chunks']], [5, 1]);
  });

  it('finds indexes below directories whose names are no text', async () => {
    await using temporary = await temporaryStore();
    const chunk = plainChunk(text('kept'));
    await writeBackup(temporary.store, host('a', 1000), archive(chunk));
    const odd = Buffer.concat([Buffer.from(`${temporary.base}/vm-`), Buffer.of(0xfc, 0xff)]);
    fs.renameSync(join(temporary.base, 'host'), odd);
    ageAll(temporary, 2 * day);
    const { status } = await collect(temporary);
    assert.deepEqual([status['index-file-count'], status['removed-chunks']], [1, 0]);
    assert.ok(exists(temporary, chunk));
    fs.rmSync(pathOf(temporary, chunk));
    const { warnings } = await collect(temporary);
    assert.match(warnings[0]!, /vm-\ufffd\ufffd\/a\/1970-01-01T00:16:40Z\/root\.pxar\.didx"$/);
  });

  it('tells of a missing chunk, and keeps what was set aside of it', async () => {
    await using temporary = await temporaryStore();
    const [gone, bad] = [plainChunk(text('gone')), plainChunk(text('bad'))];
    await writeBackup(temporary.store, host('a', 1000), archive(gone, bad));
    fs.rmSync(pathOf(temporary, gone));
    const aside = await temporary.store.chunks.quarantine(bad.digest);
    ageAll(temporary, 2 * day);
    const { status, warnings } = await collect(temporary);
    const index = join(temporary.base, 'host/a/1970-01-01T00:16:40Z/root.pxar.didx');
    assert.deepEqual(
      warnings.sort(),
      [gone, bad]
        .map(
          ({ digest }) => `warning: unable to access non-existent chunk ${digestName(digest)}, required by "${index}"`,
        )
        .sort(),
    );
    assert.deepEqual([status['still-bad'], fs.existsSync(aside!)], [1, true]);
    await temporary.store.removeSnapshot([], host('a', 1000));
    ageAll(temporary, 2 * day);
    assert.deepEqual([(await collect(temporary)).status['removed-bad'], fs.existsSync(aside!)], [1, false]);
  });

  it('keeps what a running backup has used since its start, however long ago that was', async () => {
    let now = Date.now() - 3 * day * 1000;
    await using temporary = await temporaryStore({ clock: { now: () => now } });
    const content = simpleContent('slow');
    await using transaction = await temporary.store.beginBackup([], host('slow', 1000), { owner });
    await uploadAll(temporary.store, transaction, content);
    const garbage = plainChunk(text('garbage'));
    await writeBackup(temporary.store, host('a', 1000), archive(garbage));
    await temporary.store.removeSnapshot([], host('a', 1000));
    ageAll(temporary, 2.5 * day);
    now = Date.now();
    const other = await temporary.reopen();
    const run: Run = { lines: [], warnings: [] };
    const status = await collectGarbage(other.context, gcOptions(run));
    assert.deepEqual([status['removed-chunks'], exists(temporary, garbage)], [0, true]);
    for (const chunk of content.archives!['root.pxar.didx']!) assert.ok(exists(temporary, chunk));
  });

  it('runs once at a time', async () => {
    await using temporary = await temporaryStore();
    const other = await temporary.reopen();
    using _held = other.context.writers.beginCollection();
    await assert.rejects(collect(temporary), { code: 'locked' });
  });

  it('stops when it is asked to, without having removed anything in its first phase', async () => {
    await using temporary = await temporaryStore();
    await writeBackup(temporary.store, host('a', 1000));
    const before = await temporary.store.gcStatus();
    const signal = AbortSignal.abort(new GranaryError('aborted', 'enough'));
    await assert.rejects(collect(temporary, { signal }), { code: 'aborted' });
    assert.deepEqual(await temporary.store.gcStatus(), before);
  });

  it('stops in the middle of either phase, and says so', async () => {
    await using temporary = await temporaryStore();
    const garbage = Array.from({ length: 300 }, (_, i) => plainChunk(text(`garbage ${i}`)));
    await writeBackup(temporary.store, host('a', 1000), archive(...garbage));
    await temporary.store.removeSnapshot([], host('a', 1000));
    for (let time = 2000; time < 2010; time++) await writeBackup(temporary.store, host('b', time));
    ageAll(temporary, 30 * day);
    const left = (): number => garbage.filter((chunk) => exists(temporary, chunk)).length;
    const stopAt = async (line: RegExp): Promise<string[]> => {
      const controller = new AbortController();
      const lines: string[] = [];
      const log = (one: string): void => {
        lines.push(one);
        if (line.test(one)) controller.abort(new GranaryError('aborted', 'enough'));
      };
      await assert.rejects(collect(temporary, { log, signal: controller.signal }), {
        code: 'aborted',
        message: 'enough',
      });
      return lines;
    };
    const first = await stopAt(/^Start GC phase1/);
    assert.deepEqual([first.at(-1), left()], ['Start GC phase1 (mark used chunks)', 300]);
    const second = await stopAt(/^processed [1-4]\d% /);
    assert.match(second.at(-1)!, /^processed [1-4]\d% /);
    assert.ok(left() > 150 && left() < 300, String(left()));
    // The next one does the rest.
    await collect(temporary);
    assert.equal(left(), 0);
  });

  it('goes by the clock of the file system, however wrong its own is', async () => {
    for (const shift of [-3 * day, 3 * day, 3000 * day]) {
      const clock = { now: () => Date.now() + shift * 1000 };
      await using temporary = await temporaryStore({ clock });
      const garbage = plainChunk(text('garbage'));
      await writeBackup(temporary.store, host('a', 1000), archive(garbage));
      await temporary.store.removeSnapshot([], host('a', 1000));
      await writeBackup(temporary.store, host('b', 1000));
      await using transaction = await temporary.store.beginBackup([], host('c', 1000), { owner });
      await uploadAll(temporary.store, transaction, simpleContent('running'));
      const { status, lines } = await collect(temporary);
      assert.deepEqual(
        [status['removed-chunks'], lines[1]?.slice(0, 38)],
        [0, 'The clock of the file system differs b'],
      );
    }
  });

  it('removes nothing when the clock is put back while it marks', async () => {
    await using temporary = await temporaryStore();
    await writeBackup(temporary.store, host('a', 1000));
    const probe = join(temporary.base, '.chunks', `.tmp_access-time-${process.pid}`);
    let probes = 0;
    setFailpoint('access-time:probed', () => {
      if (++probes > 1) fs.utimesSync(probe, Date.now() / 1000 - 3600, 1_000_000_000);
    });
    try {
      await assert.rejects(
        collect(temporary),
        /the clock was put back by (1h|59m 5\ds).* while chunks were marked: nothing was/,
      );
    } finally {
      setFailpoint('access-time:probed', undefined);
    }
    assert.equal((await temporary.store.gcStatus()).upid, null);
  });

  it('goes by the rule of the specification', () => {
    const rows = vectors<{ phase1_start: number; oldest_writer: number | null; v4: number }[]>('gc_min_atime');
    for (const { phase1_start: start, oldest_writer: writer, v4 } of rows) {
      assert.equal(smallestAccessTime(start, writer ?? start, 1445 * 60), v4);
    }
  });
});
