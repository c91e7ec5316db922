import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { changeTraffic, readTraffic, resetTraffic, TrafficCounts } from './traffic-counts.ts';

test('counts of several processes add up, and start at zero again', async (t) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'granary-traffic-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = join(folder, 'traffic', 'one.json');
  const [one, two] = [new TrafficCounts(file), new TrafficCounts(file)];
  one.count('put', 1);
  one.count('upload', 1000);
  two.count('put', 2);
  await Promise.all([one.flush(), two.flush()]);
  two.count('get', 1);
  await two.flush();
  await one.flush();
  const none = { get: 0, put: 0, post: 0, head: 0, delete: 0, upload: 0, download: 0 };
  assert.deepEqual(readTraffic(file), { traffic: { ...none, get: 1, put: 3, upload: 1000 }, since: 0, told: [] });
  await changeTraffic(file, (state) => state.told.push('s3-put'));
  await resetTraffic(file, 5000);
  assert.deepEqual(readTraffic(file), { traffic: none, since: 5000, told: [] });
  fs.writeFileSync(file, 'no json');
  assert.deepEqual(readTraffic(file), { traffic: none, since: 0, told: [] });
});
