// A datastore without room: the backup fails with a clear message, what was there stays whole, and with room again
// the next backup succeeds; pulls likewise. On a small file system of its own where the system lets us mount one, else simulated.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { noise } from '../../src/backup/testing/content.ts';
import { formatUtc } from '../../src/base/clock.ts';
import { plainChunk } from '../../src/chunk-store/testing/chunks.ts';
import { writeBackup } from '../../src/datastore/testing/temporary-store.ts';
import { setFailpoint } from '../../src/os/failpoint.ts';
import { PullStand } from '../../src/sync/testing/pull-stand.ts';
import { Stand } from './stand.ts';

const start = 1_700_000_000;
const mib = 1024 * 1024;
let stand: Stand;
let mounted: string | undefined;
let source: string;

before(async () => {
  const place = mkdtempSync(join(tmpdir(), 'granary-small-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=755', 'tmpfs', place]);
  if (mount.status === 0) mounted = place;
  else rmSync(place, { recursive: true });
  stand = await Stand.start(mounted === undefined ? {} : { store: join(mounted, 'store') });
  source = join(stand.folder, 'source');
  mkdirSync(source);
});
after(async () => {
  await stand[Symbol.asyncDispose]();
  if (mounted === undefined) return;
  spawnSync('umount', ['-l', mounted]);
  rmSync(mounted, { recursive: true, force: true });
});

const backup = (time: number, ...archives: string[]) =>
  stand.runClient(['backup', ...archives, '--backup-id', 'full', '--backup-time', String(time), '--chunk-size', '64']);

const free = (): number => {
  const { bavail, bsize } = statfsSync(stand.store);
  return bavail * bsize;
};

test('a backup into a full datastore fails cleanly', async (t) => {
  writeFileSync(join(source, 'first'), noise('first', 3 * mib));
  const first = await backup(start, `root.pxar:${source}`);
  assert.equal(first.code, 0, first.err);
  stand.remember('full', start);

  let refused = 0;
  for (const [i, size] of [40, 30].entries()) {
    writeFileSync(join(source, 'large'), noise(`large ${i}`, size * mib));
    writeFileSync(join(source, 'disk.img'), noise(`image ${i}`, size * mib));
    const archive = i === 0 ? `root.pxar:${source}` : `disk.img:${join(source, 'disk.img')}`;
    if (mounted === undefined) stand.arm('chunk:after-write', 'ENOSPC');
    const { code, err } = await backup(start + 10 + i, archive);
    stand.disarm();
    assert.equal(code, 255, err);
    assert.match(err, /^Error: .*no space left on device/im);
    await noneUnfinished();
    // Verification wants to write its result: that comes when there is room again.
    await stand.checkReadable();
    await stand.checkNoTemporaryFiles();
    refused++;
    if (mounted !== undefined && i === 0) {
      // What was uploaded before the disk was full is garbage collection's; here it makes way by hand.
      assert.ok(free() < 3 * mib, `${free()} bytes are free`);
    }
  }
  t.diagnostic(`${mounted === undefined ? 'simulated' : 'on a file system of 24 MiB'}: ${refused} backups refused`);
});

test('not even a small file fits: the reason is told, the datastore can be read', async () => {
  if (mounted === undefined) stand.arm('atomic-file:after-write', 'ENOSPC');
  else {
    spawnSync('dd', ['if=/dev/zero', `of=${join(mounted, 'filler')}`, 'bs=4096']);
    assert.ok(free() < 65536);
  }
  writeFileSync(join(source, 'note.conf'), noise('note', 200_000));
  const { code, err } = await backup(start + 20, `note.conf:${join(source, 'note.conf')}`);
  stand.disarm();
  assert.equal(code, 255, err);
  assert.match(err, /^Error: .*no space left on device/im);
  await noneUnfinished();
  await stand.checkReadable();
});

test('with room again the next backup succeeds', async () => {
  if (mounted !== undefined) spawnSync('mount', ['-o', 'remount,size=160m', mounted]);
  writeFileSync(join(source, 'large'), noise('large again', 2 * mib));
  rmSync(join(source, 'disk.img'));
  const { code, err } = await backup(start + 30, `root.pxar:${source}`);
  assert.equal(code, 0, err);
  stand.remember('full', start + 30);
  await stand.checkIntact();
});

test('a pull into a full datastore fails cleanly, and with room again it takes up the rest', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'granary-pull-'));
  const small = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=755', 'tmpfs', place]).status === 0;
  try {
    await using pair = await PullStand.make();
    const chunks = Array.from({ length: 40 }, (_, i) => plainChunk(noise(`pull ${i}`, 256 * 1024)));
    for (const [i, list] of [chunks.slice(0, 4), chunks].entries()) {
      const snapshot = { type: 'host', id: 'a', time: start + i } as const;
      await writeBackup(pair.source.store, snapshot, { archives: { 'root.pxar.didx': list } });
    }
    mkdirSync(join(place, 'store', '.chunks'), { recursive: true });
    const store = await pair.target.reopen(join(place, 'store'));
    await using target = PullStand.between(pair.source, { ...pair.target, store, base: store.path });
    if (!small) {
      let inserted = 0;
      setFailpoint('chunk:after-write', () => {
        if (++inserted > 20)
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      });
    }
    const full = await target.pull({ removeVanished: true });
    setFailpoint('chunk:after-write', undefined);
    assert.equal(full.error, 'sync failed with some errors.');
    assert.match(full.warnings.join(), /^sync group host\/a failed - chunk [0-9a-f]{64}: .*no space left on device/i);
    assert.deepEqual(await target.snapshots(), [`:host/a/${formatUtc(start)}`]);
    assert.deepEqual(
      readdirSync(store.path, { recursive: true }).filter((name) => String(name).includes('tmp')),
      [],
    );
    if (small) spawnSync('mount', ['-o', 'remount,size=64m', place]);
    const rest = await target.pull();
    assert.equal(rest.error, undefined, rest.lines.join('\n'));
    const fetched = rest.counts['chunk'] ?? 0;
    assert.ok(fetched > 0 && fetched <= 24, `${fetched} chunks were fetched again`);
    assert.deepEqual(await target.snapshots(), await target.snapshots(pair.source));
    t.diagnostic(small ? 'on a file system of 6 MiB' : 'simulated');
  } finally {
    if (small) spawnSync('umount', ['-l', place]);
    rmSync(place, { recursive: true, force: true });
  }
});

/** The server removes what was begun as soon as the client has gone. */
async function noneUnfinished(): Promise<void> {
  for (const end = performance.now() + 10_000; (await stand.listed()).some(({ size }) => size === undefined); ) {
    assert.ok(performance.now() < end, 'an unfinished snapshot is left');
  }
}
