// The machine's status and its measurements (rest-api.md 7.3, 7.6, 7.7).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { unpackFixture } from '../../../test/support/fixture.ts';
import { Measurements } from '../../daemon/measurements.ts';
import { Machine } from '../../machine/machine.ts';
import { databaseFile } from '../../metrics/database.ts';
import { MetricsWriter } from '../../metrics/metrics-writer.ts';
import { TestApi } from '../testing/api-server.ts';

type Item = Record<string, unknown>;
let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
});
after(() => api[Symbol.asyncDispose]());

const admin = { as: 'admin@pbs' };

test('status tells of memory, root and certificate', async () => {
  const { data } = (await api.call('GET', 'nodes/localhost/status', admin)).json;
  const status = data as Record<string, Item>;
  assert.ok((status['memory']!['total'] as number) > 0);
  assert.ok((status['root']!['total'] as number) > 0);
  assert.match(String(status['info']!['fingerprint']), /^([0-9a-f]{2}:){31}[0-9a-f]{2}$/);
});

test('power is refused on a machine without systemd', async () => {
  const answer = await api.call('POST', 'nodes/localhost/status', { ...admin, params: { command: 'reboot' } });
  assert.deepEqual([answer.status, answer.text], [400, 'cannot reboot this machine: it is not run by systemd']);
});

test('measurements of machine and datastores are answered over time, usage with history and estimate', async () => {
  const now = Math.floor(Date.now() / 1000);
  const measurements = new Measurements(new Machine(), api.server.datastores, api.server.log);
  using writer = new MetricsWriter(databaseFile(api.server.directories));
  await measurements.measure(now - 10);
  writer.record(now, await measurements.measure(now));
  for (let i = 1; i <= 10; i++) {
    const values = { total: 1000, used: 500 - 10 * i, available: 500 + 10 * i };
    writer.record(now - i * 1800, [{ series: 'datastore/fixture', values }]);
  }
  const params = { timeframe: 'hour', cf: 'AVERAGE' };
  const node = (await api.call('GET', 'nodes/localhost/rrd', { ...admin, params })).json.data as Item[];
  assert.equal(node.length, 60);
  const measured = node.find((point) => 'cpu' in point)!;
  for (const name of ['iowait', 'memtotal', 'memused', 'swaptotal', 'netin', 'netout', 'loadavg', 'total', 'used']) {
    assert.equal(typeof measured[name], 'number', name);
  }
  const path = 'admin/datastore/fixture/rrd';
  const store = (await api.call('GET', path, { as: 'audit@pbs', params })).json.data as Item[];
  assert.ok(store.some((point) => (point['total'] as number) > 1e6 && 'available' in point));
  assert.ok(!('total' in store[0]!) && 'time' in store[0]!);
  const unknown = await api.call('GET', 'admin/datastore/nosuch/rrd', { ...admin, params });
  assert.deepEqual([unknown.status, unknown.text], [400, "no such datastore 'nosuch'"]);
  const usage = (await api.call('GET', 'status/datastore-usage', admin)).json.data as Item[];
  const [item] = usage;
  const history = item!['history'] as (number | null)[];
  assert.equal(history.length, 1440);
  assert.equal(item!['history-delta'], 1800);
  assert.equal(history.filter((share) => share !== null).length, 11);
  assert.equal((item!['history-start'] as number) + 1439 * 1800, now - (now % 1800));
  assert.equal(typeof item!['estimated-full-date'], 'number');
});

test('the next runs of a schedule are told, and what is wrong with one', async () => {
  const ask = (params: Record<string, string | number>) =>
    api.call('GET', 'nodes/localhost/calendar-events', { as: 'audit@pbs', params });
  const after = Date.UTC(2028, 1, 27) / 1000;
  const { data } = (await ask({ schedule: '*-2-29 10:00 UTC', after, count: 3 })).json;
  const answer = data as { timezone: string; events: number[] };
  assert.deepEqual(
    answer.events.map((time) => new Date(time * 1000).toISOString()),
    ['2028-02-29T10:00:00.000Z', '2032-02-29T10:00:00.000Z', '2036-02-29T10:00:00.000Z'],
  );
  assert.equal(answer.timezone, new Intl.DateTimeFormat().resolvedOptions().timeZone);
  const daily = (await ask({ schedule: 'daily' })).json.data as { time: number; events: number[] };
  assert.equal(daily.events.length, 5);
  assert.ok(daily.events[0]! > daily.time);
  const none = (await ask({ schedule: '*-2-30' })).json.data as { events: number[] };
  assert.deepEqual(none.events, []);
  const wrong = await ask({ schedule: 'sometimes' });
  assert.equal(wrong.status, 400);
  assert.match(wrong.text, /'schedule': .*sometimes/);
});
