// A datastore in a bucket: the server is killed at each request that it makes of the object store, before the request was
// carried out and after, and at the steps that only such a datastore has. What is finished has to be so in the bucket, too,
// and a local part that is made from the bucket alone has to be the whole datastore.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeChunk, runBackup } from '../../src/backup/testing/content.ts';
import { formatUtc } from '../../src/base/clock.ts';
import { DatastoreConfig } from '../../src/config/datastore-config.ts';
import { S3EndpointConfig } from '../../src/config/s3-config.ts';
import { Datastore } from '../../src/datastore/datastore.ts';
import { claimObjects } from '../../src/object-store/claim.ts';
import type { S3Objects } from '../../src/object-store/s3-objects.ts';
import { hasObjectServer, ObjectServer } from '../support/object-server.ts';
import { type Fate, Weather } from '../support/weather.ts';
import { Stand, storeName } from './stand.ts';

const start = 1_700_000_000;
const patience = 30_000;

/** A server with a datastore in a bucket of its own, behind weather of its own. */
class BucketStand implements AsyncDisposable {
  readonly stand: Stand;
  readonly weather: Weather;
  /** The bucket, without the weather. */
  readonly objects: S3Objects;

  private constructor(stand: Stand, weather: Weather, objects: S3Objects) {
    this.stand = stand;
    this.weather = weather;
    this.objects = objects;
  }

  static async start(remote: ObjectServer, bucket: string, store?: string): Promise<BucketStand> {
    const weather = await Weather.start(remote.port, remote);
    const objects = remote.objects(bucket);
    const { accessKey, secretKey, fingerprint, endpoint } = remote.options;
    const stand = await Stand.start({
      ...(store === undefined ? {} : { store }),
      makeDatastore: async (directories, path) => {
        await new S3EndpointConfig(directories).create({
          id: 'swift1',
          endpoint,
          port: weather.port,
          'access-key': accessKey,
          'secret-key': secretKey,
          fingerprint: fingerprint!,
          'path-style': true,
          'provider-quirks': ['skip-if-none-match-header'],
        });
        await Datastore.create(path, { isLocalPart: true });
        await claimObjects(objects, storeName, path, { overwrite: false });
        const backend = `type=s3,client=swift1,bucket=${bucket}`;
        await new DatastoreConfig(directories).create({ name: storeName, path, backend, tuning: 'sync-level=file' });
      },
    });
    return new BucketStand(stand, weather, objects);
  }

  /** Kills the server at the request with this number, from 0 on, of those that are made from now on. */
  killAt(request: number, fate: Fate): void {
    let left = request;
    this.weather.fate = () => {
      if (left-- > 0) return 'pass';
      this.stand.kill();
      return left === -1 ? fate : 'cut';
    };
  }

  calm(): void {
    this.weather.fate = () => 'pass';
  }

  /** What the datastore is configured as, once no task goes on that has a maintenance mode of its own. */
  async mode(): Promise<string | undefined> {
    for (const end = performance.now() + patience; ; ) {
      const { text } = await this.stand.call('GET', `config/datastore/${storeName}`);
      const { data } = JSON.parse(text) as { data: { 'maintenance-mode'?: string } };
      const mode = data['maintenance-mode'];
      if (!mode?.includes('s3-refresh')) return mode;
      assert.ok(performance.now() < end, 'the refresh does not end');
    }
  }

  /**
   * Exactly the remembered snapshots are finished; a local part that is made from the bucket alone has them all, whole,
   * and besides at most `alsoThere` of `host/group`.
   */
  async check(what: string, alsoThere?: number): Promise<void> {
    await this.stand.checkReadable();
    const base = mkdtempSync(join(tmpdir(), 'granary-recovered-'));
    try {
      await Datastore.create(base, { isLocalPart: true });
      const bucket = { objects: this.objects, prefix: storeName, maxCacheSize: 0 };
      const store = await Datastore.open(storeName, { path: base, bucket }, { lockDir: join(base, 'locks') });
      await (await store.prepareRefresh({ log: () => {} }))();
      const found = new Map<string, number[]>();
      for (const snapshot of await store.listSnapshots([])) {
        const { id, time, finished } = snapshot;
        const isKnown = this.stand.finished.get(id)?.includes(time);
        if (!finished || (time === alsoThere && !isKnown)) continue;
        for (const { filename, size } of await store.snapshotFiles([], snapshot)) {
          const path = join(base, 'host', id, formatUtc(time), filename);
          if (!filename.endsWith('.didx')) {
            assert.equal(statSync(path).size, size, `${what}: ${path}`);
            continue;
          }
          const index = await store.openIndex([], snapshot, filename);
          assert.equal(index.size, size, `${what}: ${path}`);
          for (let i = 0; i < index.count; i++) await store.chunks.read(index.digestAt(i));
        }
        found.set(
          id,
          [...(found.get(id) ?? []), time].sort((a, b) => a - b),
        );
      }
      const known = [...this.stand.finished].filter(([, times]) => times.length > 0);
      assert.deepEqual(new Map([...found].sort()), new Map(known.sort()), what);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stand[Symbol.asyncDispose]();
    this.objects.close();
    await this.weather[Symbol.asyncDispose]();
  }
}

/** Something that is done with the server. */
interface Deed {
  /** What is needed before; the server lives. */
  prepare?: (lane: BucketStand, time: number) => Promise<void>;
  run: (lane: BucketStand, time: number) => Promise<unknown>;
  /** After the server was started again: notes what became of it. */
  settle?: (lane: BucketStand, time: number) => Promise<void>;
  /** The group whose snapshot may be half made or half removed. */
  group?: string;
}

const backup: Deed = {
  group: 'group',
  run: ({ stand }, time) =>
    runBackup(stand, { id: 'group', time }, [makeChunk(`new ${time}`, 70_000), makeChunk('always', 20_000)]),
  async settle({ stand }, time) {
    if ((await stand.listedTimes('group')).includes(time)) stand.remember('group', time);
  },
};

const forget: Deed = {
  group: 'forgotten',
  prepare: ({ stand }, time) => stand.goodBackup('forgotten', time, [makeChunk('always', 20_000)]),
  run: ({ stand }, time) => removeSnapshot(stand, 'forgotten', time),
  async settle({ stand }, time) {
    const kept = (await stand.listedTimes('forgotten')).includes(time);
    if (!kept) stand.finished.set('forgotten', []);
  },
};

const collect: Deed = {
  async prepare({ stand }, time) {
    const chunk = makeChunk(`garbage ${time}`, 5000);
    await runBackup(stand, { id: 'garbage', time }, [chunk]);
    const { status, text } = await stand.call(
      'DELETE',
      `admin/datastore/${storeName}/groups?backup-type=host&backup-id=garbage`,
    );
    assert.equal(status, 200, text);
    const path = stand.chunkFile(chunk.digest);
    utimesSync(path, Date.now() / 1000 - 3 * 86_400, statSync(path).mtime);
  },
  run: (lane) => task(lane, 'POST', 'gc'),
};

const refresh: Deed = {
  async prepare({ stand }) {
    rmSync(join(stand.store, 'host', 'other'), { recursive: true });
  },
  run: (lane) => task(lane, 'PUT', 's3-refresh'),
  async settle(lane) {
    assert.equal(await lane.mode(), undefined);
  },
};

function removeSnapshot(stand: Stand, id: string, time: number): Promise<{ status: number; text: string }> {
  const snapshot = `backup-type=host&backup-id=${id}&backup-time=${time}`;
  return stand.call('DELETE', `admin/datastore/${storeName}/snapshots?${snapshot}`);
}

/** Of the space of a file system. */
function freeShare(place: string): number {
  const { bavail, blocks } = statfsSync(place);
  return bavail / blocks;
}

/** Runs a task to its end. */
async function task({ stand }: BucketStand, method: string, what: string): Promise<string> {
  const started = await stand.call(method, `admin/datastore/${storeName}/${what}`);
  assert.equal(started.status, 200, started.text);
  const { data: id } = JSON.parse(started.text) as { data: string };
  for (;;) {
    const { text } = await stand.call('GET', `nodes/localhost/tasks/${encodeURIComponent(id)}/status`);
    const { data } = JSON.parse(text) as { data: { status: string; exitstatus?: string } };
    if (data.status !== 'running') return data.exitstatus ?? '';
  }
}

if (hasObjectServer) {
  let remote: ObjectServer;
  const lanes: { lane: BucketStand; fate: Fate }[] = [];

  before(async () => {
    remote = await ObjectServer.start('one', 'two', 'small');
    const [one, two] = await Promise.all([BucketStand.start(remote, 'one'), BucketStand.start(remote, 'two')]);
    lanes.push({ lane: one, fate: 'cut' }, { lane: two, fate: 'lost' });
    for (const { lane } of lanes) {
      await lane.stand.goodBackup('group', start, [makeChunk('always', 20_000)]);
      await lane.stand.goodBackup('other', start, [makeChunk('other', 3000)]);
    }
  });
  after(async () => {
    for (const { lane } of lanes) await lane[Symbol.asyncDispose]();
    await remote[Symbol.asyncDispose]();
  });

  let last = start + 100;
  const nextTime = (): number => {
    last += 10;
    return last;
  };
  /** Kills the server in the middle of a deed, as armed; false when it got through all the same. */
  const killIn = async (deed: Deed, lane: BucketStand, what: string, arm: () => void): Promise<boolean> => {
    const at = nextTime();
    await deed.prepare?.(lane, at);
    arm();
    const done = await deed.run(lane, at).then(
      () => true,
      () => false,
    );
    lane.calm();
    lane.stand.disarm();
    if (!done) {
      assert.equal(await lane.stand.died(patience), 'SIGKILL', what);
      await lane.weather.settled();
      await lane.stand.restart();
    }
    await deed.settle?.(lane, at);
    await lane.check(what, at);
    const { group } = deed;
    // What was not finished, or not wholly removed, can be removed.
    if (group !== undefined && !lane.stand.finished.get(group)?.includes(at))
      await removeSnapshot(lane.stand, group, at);
    return !done;
  };

  describe('the server of a datastore in a bucket is killed', () => {
    for (const [name, deed] of Object.entries({ refresh, backup, forget, collect })) {
      test(`${name}: at each request`, async (t) => {
        const kills = lanes.map(async ({ lane, fate }) => {
          let request = 0;
          for (;;) {
            const what = `${name}, request ${request} ${fate}`;
            if (!(await killIn(deed, lane, what, () => lane.killAt(request, fate)))) break;
            // A refresh asks for one file after the other.
            request += name === 'refresh' ? 5 : 1;
          }
          const at = nextTime();
          await lane.stand.goodBackup('group', at, [makeChunk(`after ${at}`, 3000), makeChunk('always', 20_000)]);
          await lane.check(`after ${name}`);
          return request;
        });
        const requests = await Promise.all(kills);
        t.diagnostic(`killed at ${requests.join(' and ')} requests`);
        assert.ok(
          requests.every((count) => count >= 3),
          String(requests),
        );
      });
    }

    test('at its own steps, and those of every datastore around which the bucket is changed', async () => {
      const steps: [string, Deed][] = [
        ['refresh:fetched', refresh],
        ['refresh:complete', refresh],
        ['refresh:tree-away', refresh],
        ['refresh:tree-in-place', refresh],
        ['refresh:in-place', refresh],
        ['index:after-rename', backup],
        ['commit:before-manifest', backup],
        ['commit:after-manifest', backup],
        ['removal:after-manifest', forget],
        ['removal:after-directory', forget],
      ];
      await Promise.all(
        lanes.map(async ({ lane }, at) => {
          for (const [i, [point, deed]] of steps.entries()) {
            if (i % lanes.length !== at) continue;
            const wasKilled = await killIn(deed, lane, point, () => lane.stand.arm(point, 'kill'));
            assert.ok(wasKilled, `failpoint '${point}' was not reached`);
          }
        }),
      );
    });
  });

  test('an object store in bad weather: each step is tried again, and everything succeeds', async () => {
    const { lane } = lanes[0]!;
    const { stand, weather } = lane;
    const fates: Fate[] = ['slow-down', 'broken', 'cut', 'lost', 'short'];
    let requests = 0;
    weather.fate = () => {
      requests++;
      return requests % 4 === 0 ? fates[(requests / 4) % fates.length]! : 'pass';
    };
    try {
      await stand.goodBackup('group', nextTime(), [makeChunk('weather', 70_000), makeChunk('always', 20_000)]);
      const removed = nextTime();
      await stand.goodBackup('forgotten', removed, [makeChunk('weather', 70_000)]);
      assert.equal((await removeSnapshot(stand, 'forgotten', removed)).status, 200);
      stand.finished.set('forgotten', []);
      assert.equal(await task(lane, 'POST', 'gc'), 'OK');
      assert.equal(await task(lane, 'PUT', 's3-refresh'), 'OK');
    } finally {
      lane.calm();
    }
    assert.ok(requests > 20, `${requests} requests`);
    await lane.check('in bad weather');
  });

  test('a full disk below the local part: the cache makes way, and a backup without room fails cleanly', async () => {
    const place = mkdtempSync(join(tmpdir(), 'granary-small-'));
    const isSmall = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=755', 'tmpfs', place]).status === 0;
    const filler = join(place, 'filler');
    try {
      await using lane = await BucketStand.start(remote, 'small', join(place, 'store'));
      const { stand } = lane;
      const chunks = Array.from({ length: 14 }, (_, i) => makeChunk(`large ${i}`, 1024 * 1024));
      await stand.goodBackup('group', start, chunks);
      await lane.check('with a bounded cache');
      if (isSmall) assert.ok(freeShare(place) > 0.05, `${freeShare(place)} is free`);
      // The cache would make way.
      rmSync(join(stand.store, '.cache'), { recursive: true, force: true });
      if (isSmall) spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
      else stand.arm('index:write', 'ENOSPC');
      const more = chunks.slice(0, 3).map((_, i) => makeChunk(`more ${i}`, 300_000));
      const failed = runBackup(stand, { id: 'group', time: start + 1 }, more);
      await assert.rejects(failed, /ENOSPC|no space left on device/i);
      stand.disarm();
      // What was begun is removed once the connection has gone.
      while ((await stand.listed()).some(({ size }) => size === undefined)) {}
      await lane.check('on a full disk');
      rmSync(filler, { force: true });
      await stand.goodBackup('group', start + 2, more);
      await lane.check('with room again');
    } finally {
      if (isSmall) spawnSync('umount', ['-l', place]);
      rmSync(place, { recursive: true, force: true });
    }
  });
}
