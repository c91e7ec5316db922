// Lists of jobs with their states, from the files that runs leave behind (rest-api.md 7.4, config-and-tasks.md 5.3, 7).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { JobStates } from '../../task/job-state.ts';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
let states: JobStates;
before(async () => {
  api = await TestApi.start();
  states = new JobStates(api.server.directories);
  for (const id of ['one', 'two']) {
    const params = { id, store: `store-${id}`, schedule: 'daily', 'keep-last': 1 };
    assert.equal((await api.call('POST', 'config/prune', { as, params })).status, 200);
    await api.call('POST', 'config/verify', { as, params: { id, store: `store-${id}`, schedule: 'daily' } });
  }
});
after(() => api[Symbol.asyncDispose]());

const as = 'admin@pbs';
type Row = Record<string, unknown> & { 'next-run'?: number };
async function rows(route: string, params = {}, who = as): Promise<Row[]> {
  const answer = await api.call('GET', route, { as: who, params });
  assert.match(String(answer.json['digest']), /^[0-9a-f]{64}$/);
  return answer.json.data as Row[];
}
const change = (params: Record<string, string | boolean | string[]>) =>
  api.call('PUT', 'config/prune/one', { as, params });
const status = async () => {
  const [row] = await rows('admin/prune', { store: 'store-one' });
  return Object.fromEntries(Object.entries(row!).filter(([name]) => /-run/.test(name)));
};

test('a new job runs at the next event', async () => {
  const next = new Date();
  next.setHours(24, 0, 0, 0);
  assert.deepEqual(await status(), { 'next-run': next.getTime() / 1000 });
  assert.deepEqual(await states.read('prunejob', 'one'), { created: { time: (await created()).time } });
  assert.equal((await rows('admin/verify', { store: 'store-two' }))[0]!['next-run'], next.getTime() / 1000);
});

async function created(): Promise<{ time: number }> {
  const state = await states.read('prunejob', 'one');
  assert.ok(state !== undefined && state !== 'unknown' && 'created' in state);
  assert.ok(Math.abs(state.created.time - Date.now() / 1000) < 100);
  return state.created;
}

test('the last run is shown: how it ended, or that it runs', async () => {
  const { upid, done } = await api.server.tasks.start(
    { type: 'prunejob', id: 'store-one', authId: as },
    async () => {},
  );
  await done;
  const endtime = 1_700_000_000;
  for (const [result, text] of [
    [{ OK: { endtime } }, 'OK'],
    [{ Warning: { count: 2, endtime } }, 'WARNINGS: 2'],
    [{ Error: { message: 'no space left', endtime } }, 'no space left'],
    [{ Unknown: { endtime } }, 'unknown'],
  ] as const) {
    await states.write('prunejob', 'one', { finished: { upid, state: result } });
    const { 'next-run': next, ...shown } = await status();
    assert.ok(Number(next) > endtime);
    assert.deepEqual(shown, { 'last-run-upid': upid, 'last-run-state': text, 'last-run-endtime': endtime });
  }
  // One that was started, and whose process never said how it ended: as its log has it.
  await states.write('prunejob', 'one', { started: { upid } });
  assert.equal((await status())['last-run-state'], 'OK');
  const gate = Promise.withResolvers<void>();
  const running = await api.server.tasks.start({ type: 'prunejob', id: 'store-one', authId: as }, () => gate.promise);
  await states.write('prunejob', 'one', { started: { upid: running.upid } });
  const { 'next-run': _next, ...shown } = await status();
  assert.deepEqual(shown, { 'last-run-upid': running.upid });
  gate.resolve();
  await running.done;
});

test('an edited schedule counts from the edit, a job that is switched off or removed has none', async () => {
  const upid = 'UPID:h:00000001:00000001:00000001:6B03A79F:prunejob:store\\x2done:root@pam:';
  const endtime = 0x6b03a79f + 60;
  await states.write('prunejob', 'one', { finished: { upid, state: { OK: { endtime } } } });
  assert.equal((await change({ comment: 'no matter' })).status, 200);
  assert.deepEqual(await states.read('prunejob', 'one'), { finished: { upid, state: { OK: { endtime } } } });
  await change({ schedule: 'hourly' });
  const state = await states.read('prunejob', 'one');
  assert.ok(state !== undefined && state !== 'unknown' && 'finished' in state);
  assert.ok(Math.abs(state.finished.updated! - Date.now() / 1000) < 100);
  const next = (await status())['next-run'] as number;
  assert.ok(next > Date.now() / 1000 && next <= Date.now() / 1000 + 3600);
  await change({ schedule: 'now' });
  assert.ok(Math.abs(((await status())['next-run'] as number) - Date.now() / 1000) < 100, 'once more, at once');
  await change({ disable: true });
  assert.equal((await status())['next-run'], undefined);
  await api.call('DELETE', 'config/prune/one', { as });
  assert.equal(await states.read('prunejob', 'one'), undefined);
});

test('a state while the job runs is left to the run', async () => {
  using _lock = await states.lock('prunejob', 'two');
  const before = await states.read('prunejob', 'two');
  await api.call('PUT', 'config/prune/two', { as, params: { schedule: 'weekly' } });
  assert.deepEqual(await states.read('prunejob', 'two'), before);
});

test('lists show what one may see', async () => {
  const ids = async (route: string) => (await rows(route, {}, 'nobody@pbs')).map((row) => row['id']);
  assert.deepEqual(await ids('admin/prune'), []);
  await api.server.access.updateAcl('root@pam', {
    path: '/datastore/store-two',
    role: 'DatastoreReader',
    authId: 'nobody@pbs',
  });
  assert.deepEqual(await ids('admin/prune'), ['two']);
  assert.deepEqual(await ids('admin/verify'), ['two']);
});
