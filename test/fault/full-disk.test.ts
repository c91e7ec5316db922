// A datastore without room: the backup fails with a clear message, what was there stays whole, and with room again
// the next backup succeeds. On a small file system of its own where the system lets us mount one, else simulated.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { noise } from '../../src/backup/testing/content.ts';
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

/** The server removes what was begun as soon as the client has gone. */
async function noneUnfinished(): Promise<void> {
  for (const end = performance.now() + 10_000; (await stand.listed()).some(({ size }) => size === undefined); ) {
    assert.ok(performance.now() < end, 'an unfinished snapshot is left');
  }
}
