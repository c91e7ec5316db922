// Kills the server at every failpoint that its source has, and at moments that nobody chose.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeChunk, runBackup, uploadBlob, uploadDynamic, uploadManifest } from '../../src/backup/testing/content.ts';
import { root } from '../support/launch.ts';
import { Stand } from './stand.ts';

const start = 1_700_000_000;
/** How long a server may take to die, on a busy machine; only one that lives on is waited for that long. */
const patience = 30_000;

/** Every failpoint that is named in the source, but for those of datastores in buckets (bucket-crash.test.ts). */
function failpointsInSource(): string[] {
  const names = new Set<string>();
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file.includes('/testing/')) continue;
    for (const [, name] of readFileSync(join(root, 'src', file), 'utf8').matchAll(/\bfailpoint\('([^']+)'\)/g)) {
      if (!name!.startsWith('refresh:')) names.add(name!);
    }
  }
  return [...names].sort();
}

/** What a client does so that the server comes to a failpoint. Whatever it throws is the accident's. */
type Scenario = (stand: Stand, time: number) => Promise<unknown>;

const plainBackup: Scenario = async (stand, time) => {
  await runBackup(stand, { id: 'group', time }, [makeChunk(`new ${time}`, 70_000), makeChunk('always', 20_000)]);
};

const lostConnection: Scenario = async (stand, time) => {
  const session = await stand.backup({ 'backup-id': 'group', 'backup-time': time });
  await uploadBlob(session, 'a.blob', Buffer.from('a'));
  await session.close();
};

/** Removes a snapshot of a group that has another one. */
const forget: Scenario = async (stand) => {
  const time = stand.finished.get('group')![0]!;
  stand.finished.set('group', stand.finished.get('group')!.slice(1));
  const group = 'backup-type=host&backup-id=group';
  await stand.call('DELETE', `admin/datastore/store1/snapshots?${group}&backup-time=${time}`);
};

/** Verifies a group with a chunk that has a flipped bit. */
const findDamage: Scenario = async (stand, time) => {
  stand.disarm();
  const chunk = makeChunk(`damaged ${time}`, 5000);
  await runBackup(stand, { id: 'damaged', time }, [chunk]);
  const path = stand.chunkFile(chunk.digest);
  const bytes = readFileSync(path);
  bytes[100]! ^= 1;
  writeFileSync(path, bytes);
  stand.arm('chunk:after-quarantine', 'kill');
  const snapshot = `backup-type=host&backup-id=damaged&backup-time=${time}`;
  await stand.call('POST', `admin/datastore/store1/verify?${snapshot}`);
};

/** Collects a chunk that nothing needs any more. */
const collectGarbage = (point: string): Scenario => {
  return async (stand, time) => {
    stand.disarm();
    const chunk = makeChunk(`garbage ${time}`, 5000);
    await runBackup(stand, { id: 'garbage', time }, [chunk]);
    await stand.call('DELETE', 'admin/datastore/store1/groups?backup-type=host&backup-id=garbage');
    const path = stand.chunkFile(chunk.digest);
    utimesSync(path, Date.now() / 1000 - 3 * 86_400, statSync(path).mtime);
    stand.arm(point, 'kill');
    await stand.call('POST', 'admin/datastore/store1/gc');
  };
};

const scenarios: Record<string, Scenario> = {
  'accounting:after-table': collectGarbage('accounting:after-table'),
  'access-time:probed': collectGarbage('access-time:probed'),
  'sweep:after-rename': collectGarbage('sweep:after-rename'),
  'sweep:after-unlink': collectGarbage('sweep:after-unlink'),
  'notification:after-send': collectGarbage('notification:after-send'),
  'chunk:after-quarantine': findDamage,
  'removal:after-manifest': forget,
  'removal:after-directory': forget,
  'rollback:before-removal': lostConnection,
};

/** The snapshot that was being made is finished after an accident here, and after no earlier one. */
const finishedAt = new Set(['commit:after-manifest', 'audit:before-write', 'audit:after-write']);

const hit: string[] = [];

async function crashAt(stand: Stand, point: string, time: number): Promise<void> {
  const scenario = scenarios[point] ?? plainBackup;
  stand.arm(point, 'kill');
  await scenario(stand, time).catch(() => {});
  const signal = await stand.died(patience);
  assert.equal(signal, 'SIGKILL', `failpoint '${point}' was not reached: give it a scenario`);
  hit.push(point);
  stand.disarm();
  await stand.restart();
  if (scenario === plainBackup) {
    const finished = (await stand.listedTimes('group')).includes(time);
    assert.equal(finished, finishedAt.has(point), `after ${point} the snapshot is ${finished ? '' : 'not '}finished`);
    if (finished) stand.remember('group', time);
  }
  if (scenario === findDamage) {
    // The damage stays known: the next check of everything must not stumble over it.
    await stand.call('DELETE', 'admin/datastore/store1/groups?backup-type=host&backup-id=damaged');
  }
  await stand.goodBackup('group', time + 1, [makeChunk(`after ${point}`), makeChunk('always', 20_000)]);
  await stand.checkIntact();
}

describe('the server is killed', () => {
  const points = failpointsInSource();
  const lanes: Stand[] = [];

  before(async () => {
    const [one, two] = await Promise.all([
      Stand.start({ tuning: 'sync-level=file' }),
      Stand.start({ tuning: 'sync-level=none' }),
    ]);
    lanes.push(one, two);
    for (const stand of lanes) {
      await stand.goodBackup('group', start, [makeChunk('always', 20_000)]);
      await stand.goodBackup('other', start, [makeChunk('other', 3000)]);
      await stand.goodBackup('group', start + 1, [makeChunk('always', 20_000), makeChunk('second', 30_000)]);
    }
  });
  after(async () => {
    await Promise.all(lanes.map((stand) => stand[Symbol.asyncDispose]()));
  });

  test('at every failpoint of the source', async (t) => {
    // Two servers side by side, each with every other point.
    await Promise.all(
      lanes.map(async (stand, lane) => {
        for (const [i, point] of points.entries()) {
          if (i % lanes.length === lane) await crashAt(stand, point, start + 10 + i * 10);
        }
      }),
    );
    assert.deepEqual(hit.toSorted(), points);
    t.diagnostic(`failpoints hit: ${hit.length} of ${points.length}`);
  });

  test('at moments that nobody chose', async (t) => {
    let finished = 0;
    await Promise.all(
      lanes.map(async (stand, lane) => {
        const began = performance.now();
        await stand.goodBackup('group', start + 9_000, [makeChunk('always', 20_000), makeChunk('timed', 70_000)]);
        const usual = performance.now() - began;
        for (let round = 0; round < 3; round++) {
          const time = start + 10_000 + round * 10;
          const moment = (usual * (lane + round * 2 + 1)) / 4;
          const killer = setTimeout(() => stand.kill(), moment);
          const done = await plainBackup(stand, time).then(
            () => true,
            () => false,
          );
          clearTimeout(killer);
          stand.kill();
          await stand.died(patience);
          await stand.restart();
          const listed = (await stand.listedTimes('group')).includes(time);
          assert.ok(listed || !done, 'a backup that was answered is gone');
          if (listed) {
            finished++;
            stand.remember('group', time);
          }
          await stand.goodBackup('group', time + 1, [makeChunk('always', 20_000)]);
          await stand.checkIntact();
        }
      }),
    );
    t.diagnostic(`killed at 6 moments, ${finished} backups were finished by then`);
  });
});

describe('the system refuses to write', () => {
  const points = failpointsInSource().filter((name) =>
    /^(chunk|index|atomic-file|commit|begin):(?!after-quarantine)/.test(name),
  );
  let stand: Stand;
  before(async () => {
    stand = await Stand.start();
    await stand.goodBackup('group', start, [makeChunk('always', 20_000)]);
  });
  after(() => stand[Symbol.asyncDispose]());

  test('at every point of a backup: it fails with the reason, the store is whole, the next succeeds', async (t) => {
    let refused = 0;
    let time = start;
    for (const point of points) {
      time += 10;
      const error = await backupWithout(stand, point, time).catch((error: Error) => error);
      stand.disarm();
      if (error instanceof Error) {
        assert.match(error.message, /ENOSPC|no space left/i, point);
        refused++;
      }
      // Where the file was in its place already, the backup may well be finished.
      if ((await stand.listedTimes('group')).includes(time)) stand.remember('group', time);
      else assert.ok(error instanceof Error, `${point}: a backup that was answered is gone`);
      await stand.goodBackup('group', time + 1, [makeChunk(`after ${point}`)]);
    }
    await stand.checkIntact();
    await stand.checkNoTemporaryFiles();
    t.diagnostic(`backups refused for want of space: ${refused} of ${points.length} points`);
  });
});

/** A backup during which the system refuses to write at `point`. */
async function backupWithout(stand: Stand, point: string, time: number): Promise<void> {
  if (point.startsWith('begin:')) stand.arm(point, 'ENOSPC');
  const session = await stand.backup({ 'backup-id': 'group', 'backup-time': time });
  try {
    // The server writes more than the backup: only that is meant here.
    stand.arm(point, 'ENOSPC');
    const files = [
      await uploadDynamic(session, 'root.pxar.didx', [makeChunk(`full ${point}`, 80_000), makeChunk('always', 20_000)]),
      await uploadBlob(session, 'host.conf.blob', Buffer.from('x')),
    ];
    await uploadManifest(session, { id: 'group', time }, files);
    await session.request('POST', 'finish');
  } finally {
    stand.disarm();
    await session.close();
  }
}
