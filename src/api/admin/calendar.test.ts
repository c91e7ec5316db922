// The coming runs of jobs: when, how long, and for whom.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import { PruneJobConfig } from '../../config/prune-config.ts';
import { VerifyJobConfig } from '../../config/verify-config.ts';
import { startGarbageCollection } from '../../jobs/garbage-collection-job.ts';
import { rootUser } from '../../model/auth-id.ts';
import { TestApi } from '../testing/api-server.ts';

interface Job {
  type: string;
  name: string;
  runs: number[];
  'more-runs': boolean;
  'expected-duration'?: number;
}
let api: TestApi;

before(async () => {
  api = await TestApi.start();
  const { server } = api;
  const stores = new DatastoreConfig(server.directories);
  await stores.create({ name: 'one', path: '/nowhere/one', 'gc-schedule': 'daily' });
  await stores.create({ name: 'two', path: '/nowhere/two' });
  await new PruneJobConfig(server.directories).create({ id: 'prune-two', store: 'two', schedule: '*:0/5' });
  await new PruneJobConfig(server.directories).create({ id: 'off', store: 'two', schedule: 'daily', disable: true });
  await new VerifyJobConfig(server.directories).create({ id: 'over', store: 'one', schedule: '2020-01-01' });
  await server.access.users.create({ userid: 'two@pbs' });
  await server.access.updateAcl(rootUser, { path: '/datastore/two', role: 'DatastoreAudit', authId: 'two@pbs' });
});
after(() => api[Symbol.asyncDispose]());

async function list(as: string, params: Record<string, number> = {}): Promise<Job[]> {
  const answer = await api.call('GET', 'admin/calendar', { as, params });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data as Job[];
}
const now = (): number => Math.floor(Date.now() / 1000);

test('every job with a schedule is listed with its runs in the window', async () => {
  const since = now() + 86_400;
  const jobs = await list('admin@pbs', { since, until: since + 2 * 86_400, limit: 100 });
  assert.deepEqual(
    jobs.map(({ type, name, runs, 'more-runs': more }) => [type, name, runs.length, more]),
    [
      ['garbage_collection', 'one', 2, false],
      ['prunejob', 'prune-two', 100, true],
      ['verificationjob', 'over', 0, false],
      ['logrotate', 'access-log_and_task-archive', 2, false],
    ],
  );
  const [gc, prune] = jobs as [Job, Job];
  assert.ok(gc.runs.every((at) => new Date(at * 1000).getHours() === 0 && at >= since));
  assert.ok(prune.runs.every((at, i) => at % 300 === 0 && (i === 0 || at === prune.runs[i - 1]! + 300)));
  assert.ok(jobs.every((job) => job['expected-duration'] === undefined));
});

test('what is past is not coming', async () => {
  const before = now();
  const [gc] = await list('admin@pbs', { since: 0, until: before + 90_000 });
  // Within 25 hours there are one or two midnights.
  assert.ok([1, 2].includes(gc!.runs.length), String(gc!.runs));
  assert.ok(gc!.runs.every((at) => at >= before));
});

test('how long a run takes is known from those before it', async () => {
  const task = await startGarbageCollection(api.server, 'one', { authId: 'admin@pbs' });
  await task!.done;
  // One that failed tells nothing of how long the work takes.
  const [failed] = await list('admin@pbs');
  assert.equal(failed!['expected-duration'], undefined);
  const again = await api.server.tasks.start(
    { type: 'garbage_collection', id: 'one', authId: rootUser },
    async () => {},
  );
  await again.done;
  const [gc] = await list('admin@pbs');
  assert.ok(gc!['expected-duration']! <= 2);
});

test('one sees the jobs of the datastores that one may look at, and of the server with a right', async () => {
  assert.deepEqual(
    (await list('two@pbs')).map(({ name }) => name),
    ['prune-two'],
  );
  assert.deepEqual(await list('nobody@pbs'), []);
});
