import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { TestApi } from '../api/testing/api-server.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import { housekeepingJobs } from './due-jobs.ts';
import { rotateLog } from './log-rotation-job.ts';
import { Scheduler } from './scheduler.ts';

test('a log is put aside when it is large, older ones are compressed, the oldest go', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'granary-rotate-'));
  const log = join(folder, 'access.log');
  assert.equal(await rotateLog(log), undefined, 'no log');
  for (let i = 1; i <= 5; i++) {
    fs.writeFileSync(log, `log ${i}\n`);
    assert.equal(await rotateLog(log, { sizeLimit: 6 }), undefined);
    assert.equal(await rotateLog(log, { sizeLimit: 5, fileLimit: 4 }), 6);
  }
  assert.deepEqual(fs.readdirSync(folder).sort(), [
    'access.log.1',
    'access.log.2.zst',
    'access.log.3.zst',
    'access.log.4.zst',
  ]);
  assert.equal(fs.readFileSync(`${log}.1`, 'utf8'), 'log 5\n');
  assert.equal(zstdDecompressSync(fs.readFileSync(`${log}.4.zst`)).toString(), 'log 2\n');
  assert.equal(fs.statSync(`${log}.2.zst`).mode & 0o777, 0o640);
  fs.rmSync(folder, { recursive: true });
});

test('every day: the archive of tasks, the days of node.cfg, the logs of the API', async () => {
  let now = Date.now();
  await using api = await TestApi.start({ clock: { now: () => now } });
  const { server } = api;
  const old = await server.tasks.start({ type: 'aptupdate', authId: 'admin@pbs' }, async () => {
    throw new Error('no network');
  });
  await old.done;
  await server.tasks.rotate({ sizeLimit: 0 });
  await nodeConfigFile(server.directories).update((options) => void Object.assign(options, { 'task-log-max-days': 7 }));
  const scheduler = new Scheduler(server, 'datastores', housekeepingJobs);
  await scheduler.turn();
  now += 24 * 3600 * 1000;
  const rotations = async () => (await server.tasks.list({ typefilter: 'logrotate' })).data;
  await scheduler.turn();
  const [first] = await rotations();
  assert.equal(first?.worker_id, 'access-log_and_task-archive');
  assert.equal(await api.finished(first.upid), 'OK');
  assert.equal((await server.tasks.info(old.upid)).status, 'no network', 'a day is not seven');
  now += 8 * 24 * 3600 * 1000;
  await scheduler.turn();
  const [second] = await rotations();
  assert.equal(await api.finished(second!.upid), 'OK');
  assert.equal((await server.tasks.info(old.upid)).status, 'unknown', 'its log is gone');
  assert.equal((await server.tasks.tally()).failures['aptupdate'], 1, 'and counted still');
  const { lines } = await server.tasks.log(second!.upid);
  assert.match(lines.map((line) => line.t).join('\n'), /task triggered by schedule 'daily'\n.*API access log was not/s);
  await scheduler.stop();
});
