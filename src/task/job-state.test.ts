// States of jobs: the file's forms, and when a job runs next (config-and-tasks.md 5.3, 5.4, 7).

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { resolveDirectories } from '../config/directories.ts';
import { nextRun } from './job-schedule.ts';
import { type JobState, JobStates, parseJobState } from './job-state.ts';

const time = fc.nat({ max: 2 ** 40 });
const upid = fc.string();
const results = fc.oneof(
  fc.record({ OK: fc.record({ endtime: time }) }),
  fc.record({ Warning: fc.record({ count: fc.nat(), endtime: time }) }),
  fc.record({ Error: fc.record({ message: fc.string(), endtime: time }) }),
  fc.record({ Unknown: fc.record({ endtime: time }) }),
);
const anyState: fc.Arbitrary<JobState> = fc.oneof(
  fc.record({ created: fc.record({ time }) }),
  fc.record({ started: fc.record({ upid }) }),
  fc.record({ finished: fc.record({ upid, state: results, updated: time }, { requiredKeys: ['upid', 'state'] }) }),
  fc.constant('unknown' as const),
);

test('every state is read back as it was written', () => {
  fc.assert(
    fc.property(anyState, (state) => {
      const text = JSON.stringify(state);
      assert.deepEqual(parseJobState(text), JSON.parse(text));
    }),
  );
});

test('anything else is no state', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const state = parseJobState(text);
      if (state !== undefined) assert.deepEqual(parseJobState(JSON.stringify(state)), state);
    }),
  );
  for (const text of [
    '',
    '{}',
    'null',
    '[]',
    '"known"',
    '{"created":{}}',
    '{"finished":{"upid":"x","state":{"OK":{}}}}',
  ]) {
    assert.equal(parseJobState(text), undefined, text);
  }
});

test('a job counts from what is known of it', () => {
  const noon = 1_800_014_400; // A full hour.
  const started = noon + 600;
  const ended = noon + 4200;
  const upidAt = (epoch: number): string =>
    `UPID:h:00000001:00000001:00000001:${epoch.toString(16).toUpperCase()}:prunejob:x:root@pam:`;
  const finished = (updated?: number): JobState => ({
    finished: {
      upid: upidAt(started),
      state: { OK: { endtime: ended } },
      ...(updated === undefined ? {} : { updated }),
    },
  });
  const next = (state: JobState | undefined, shown = false, schedule = 'hourly') =>
    nextRun(schedule, state, noon + 30, { shown });
  assert.equal(next({ created: { time: noon } }), noon + 3600);
  assert.equal(next(undefined), noon + 3600, 'without a state from half a minute ago: noon itself is over');
  assert.equal(next('unknown'), noon + 3600);
  assert.equal(next({ started: { upid: upidAt(started) } }), noon + 3600);
  assert.equal(next(finished()), noon + 3600, 'the scheduler counts from the start');
  assert.equal(next(finished(), true), noon + 7200, 'lists from the end');
  assert.equal(next(finished(noon + 8000), true), noon + 10_800);
  assert.equal(next(undefined, false, 'no event'), undefined);
  const year = 365 * 86_400;
  for (const state of [{ created: { time: noon + year } }, { started: { upid: upidAt(noon + year) } }]) {
    assert.equal(next(state), noon + 3600, 'a clock that was wrong for a while does not stop a job for a year');
  }
});

test('`now` is due once after it was set', () => {
  const upidOf = 'UPID:h:00000001:00000001:00000001:6B03A79F:prunejob:x:root@pam:';
  const start = 0x6b03a79f;
  const state = { OK: { endtime: start + 5 } };
  const due = (given: JobState | undefined) => nextRun('now', given, start + 100);
  assert.equal(due({ created: { time: start - 10 } }), start - 10);
  assert.equal(due({ started: { upid: upidOf } }), undefined);
  assert.equal(due({ finished: { upid: upidOf, state } }), undefined);
  assert.equal(due({ finished: { upid: upidOf, state, updated: start + 50 } }), start + 50);
  assert.equal(due({ finished: { upid: upidOf, state, updated: start - 50 } }), undefined);
  assert.ok(due(undefined)! <= start + 100);
});

test('states are files that come and go with the jobs; a damaged one is named', async () => {
  const home = mkdtempSync(join(tmpdir(), 'granary-jobs-'));
  const directories = resolveDirectories(home, '');
  await mkdir(directories.state);
  const states = new JobStates(directories);
  const path = join(directories.state, 'jobstates', 'prunejob-one.json');
  assert.equal(await states.read('prunejob', 'one'), undefined);
  await states.create('prunejob', 'one', 5);
  assert.deepEqual(await states.read('prunejob', 'one'), { created: { time: 5 } });
  await states.scheduleChanged('prunejob', 'one', 9);
  assert.deepEqual(await states.read('prunejob', 'one'), { created: { time: 9 } });
  writeFileSync(path, '{"created"');
  await assert.rejects(states.read('prunejob', 'one'), { message: `"${path}" is no job state` });
  await states.remove('prunejob', 'one');
  assert.equal(existsSync(path), false);
  rmSync(home, { recursive: true });
});
