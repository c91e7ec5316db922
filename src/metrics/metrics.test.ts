// The database of measurements: consolidation, bounds, damage, crash, and one writer at a time.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { scratchFolder } from '../../test/support/scratch.ts';
import type { Logger } from '../base/log.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { databaseFile } from './database.ts';
import { estimateFull } from './forecast.ts';
import { frames, levels, timeframes } from './levels.ts';
import { MetricsReader } from './metrics-reader.ts';
import { MetricsWriter } from './metrics-writer.ts';
import { Rates } from './rates.ts';
import { Sampler } from './sampler.ts';
import { addToSlot, readSlot } from './slot.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function newDirectories(): Promise<Directories> {
  const home = scratchFolder('granary-metrics-');
  folders.push(home);
  const directories = resolveDirectories(home, 'home');
  await createDirectories(directories);
  return directories;
}

const start = 1_795_000_000 - (1_795_000_000 % 604_800);
const sample = (used: number, series = 'datastore/s1') => ({ series, values: { used, available: 100 - used } });
const known = (points: { time: number }[]) => points.filter((point) => Object.keys(point).length > 1);

test('a slot is the average and the maximum of what was put into it, in any order', () => {
  const names = ['a', 'b'];
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1e12, max: 1e12, noNaN: true }), { minLength: 1 }), (values) => {
      let slot: Uint8Array | undefined;
      for (const a of values) slot = addToSlot(slot, names, { a, b: undefined });
      const average = values.reduce((sum, value) => sum + value, 0) / values.length;
      const read = readSlot(slot!, names, 'AVERAGE');
      assert.ok(Math.abs(read['a']! - average) <= Math.abs(average) * 1e-9 + 1e-3);
      assert.deepEqual(readSlot(slot!, names, 'MAX'), { a: Math.max(...values) });
      assert.ok(!('b' in read));
    }),
  );
  const short = addToSlot(undefined, ['a'], { a: 1 });
  assert.deepEqual(readSlot(addToSlot(short, names, { b: 2 }), names, 'MAX'), { a: 1, b: 2 });
  for (let length = 0; length <= short.length; length++) {
    assert.doesNotThrow(() => readSlot(short.subarray(0, length), names, 'AVERAGE'));
  }
});

test('every time frame shows its slots, consolidated; empty ones have a time only', async () => {
  const directories = await newDirectories();
  using reader = new MetricsReader(directories);
  using writer = new MetricsWriter(databaseFile(directories));
  assert.equal(known(reader.read('host', 'hour', 'MAX', start)).length, 0);
  writer.record(start + 5, [sample(10)]);
  writer.record(start + 15, [sample(30)]);
  writer.record(start + 65, [sample(80)]);
  const now = start + 100;
  const last = (cf: 'AVERAGE' | 'MAX') => known(reader.read('datastore/s1', 'hour', cf, now));
  assert.deepEqual(last('AVERAGE'), [
    { time: start, used: 20, available: 80 },
    { time: start + 60, used: 80, available: 20 },
  ]);
  assert.deepEqual(
    last('MAX').map((point) => point['used' as 'time']),
    [30, 80],
  );
  for (const timeframe of timeframes) {
    const points = reader.read('datastore/s1', timeframe, 'AVERAGE', now);
    const { level, seconds } = frames[timeframe];
    const { step } = levels[level]!;
    assert.equal(points.length, seconds / step, timeframe);
    assert.ok(points.at(-1)!.time <= now && points.at(-1)!.time + step > now, timeframe);
    const total = known(points);
    assert.equal(total.length, step === 60 ? 2 : 1, timeframe);
  }
  assert.deepEqual(known(reader.read('datastore/other', 'hour', 'AVERAGE', now)), []);
  const usage = reader.usage('datastore/s1', now);
  assert.equal(usage.step, 1800);
  assert.deepEqual(usage.shares.slice(-2), [null, 0.4]);
  assert.equal(usage.start + usage.step * (usage.shares.length - 1), start);
});

test('the file does not grow with time, and a series of nothing is forgotten', async () => {
  const directories = await newDirectories();
  using reader = new MetricsReader(directories);
  using writer = new MetricsWriter(databaseFile(directories));
  writer.record(start, [sample(1, 'datastore/gone')]);
  const year = 365 * 86_400;
  for (let time = start; time < start + year; time += 5 * 86_400) writer.record(time, [sample(50)]);
  for (let time = start + year; time < start + 2 * year; time += 6 * 3600) writer.record(time, [sample(50)]);
  const now = start + 2 * year - 6 * 3600;
  assert.equal(known(reader.read('datastore/gone', 'decade', 'MAX', now)).length, 0);
  assert.equal(known(reader.read('datastore/s1', 'year', 'MAX', now)).length, 1460);
  assert.equal(known(reader.read('datastore/s1', 'decade', 'MAX', now)).length, 105);
  // Most that a whole series can take: every slot of every level.
  const slots = levels.reduce((sum, level) => sum + level.slots, 0);
  assert.ok(statSync(databaseFile(directories)).size < slots * 400);
});

test('a damaged database is set aside with a message, and measuring goes on', async () => {
  for (const damage of ['garbage', 'cut', 'page', 'removed'] as const) {
    const directories = await newDirectories();
    const file = databaseFile(directories);
    {
      using writer = new MetricsWriter(file);
      for (let i = 0; i < 300; i++) writer.record(start + i * 60, [sample(i % 100), sample(1, 'host')]);
    }
    const size = statSync(file).size;
    if (damage === 'garbage')
      writeFileSync(file, 'this is no database at all, but long enough to be looked at'.repeat(99));
    if (damage === 'cut') truncateSync(file, Math.floor(size / 2));
    if (damage === 'page') {
      const bytes = readFileSync(file);
      bytes.fill(0xa5, 4096, bytes.length - 4096);
      writeFileSync(file, bytes);
    }
    if (damage === 'removed') rmSync(file);
    const events: string[] = [];
    const log: Logger = (_level, event, facts) => events.push(`${event}: ${facts?.['message']}`);
    using writer = new MetricsWriter(file, log);
    writer.record(start, [sample(7)]);
    if (damage === 'removed') assert.deepEqual(events, []);
    else {
      assert.equal(events.length, 1, damage);
      assert.match(
        events[0]!,
        /metrics-database-damaged: .*metrics\.db" is damaged .* moved to ".*metrics\.db\.damaged"/,
      );
      assert.ok(existsSync(`${file}.damaged`), damage);
    }
    using reader = new MetricsReader(directories);
    assert.equal(known(reader.read('datastore/s1', 'hour', 'MAX', start)).length, 1, damage);
  }
});

test('the database may be removed or damaged under a running writer and reader', async () => {
  const directories = await newDirectories();
  const file = databaseFile(directories);
  using writer = new MetricsWriter(file);
  using reader = new MetricsReader(directories);
  const read = () => known(reader.read('datastore/s1', 'hour', 'MAX', start)).length;
  writer.record(start, [sample(1)]);
  assert.equal(read(), 1);
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  assert.equal(read(), 0);
  writer.record(start, [sample(1)]);
  assert.equal(read(), 1);
  writer[Symbol.dispose]();
  writeFileSync(file, 'garbage'.repeat(1000));
  rmSync(`${file}-wal`, { force: true });
  reader[Symbol.dispose]();
  assert.throws(read, /cannot read the measurements in ".*metrics\.db": file is not a database/);
  writer.record(start, [sample(1)]);
  assert.equal(read(), 1);
});

test('killed at any moment, the writer leaves a sound database', async () => {
  const directories = await newDirectories();
  const file = databaseFile(directories);
  const module = fileURLToPath(new URL('./metrics-writer.ts', import.meta.url));
  const code = `
    const { MetricsWriter } = await import(${JSON.stringify(module)});
    const writer = new MetricsWriter(${JSON.stringify(file)});
    for (let i = 0; ; i++) {
      writer.record(${start} + i * 60, [{ series: 'datastore/s1', values: { used: i } }, { series: 'host', values: { cpu: i } }]);
      if (i === 20) process.stdout.write('writing\\n');
    }`;
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const problems: string[] = [];
    using writer = new MetricsWriter(file, (_level, event) => problems.push(event));
    writer.record(start, [sample(1)]);
    assert.deepEqual(problems, []);
    using reader = new MetricsReader(directories);
    const [stores, hosts] = ['datastore/s1', 'host'].map((name) =>
      known(reader.read(name, 'day', 'MAX', start + 1200)),
    );
    assert.ok(stores!.length >= 20);
    // A moment's samples are there together or not at all; the one above is of the datastore only.
    assert.deepEqual(hosts!.map((point) => point.time).slice(1), stores!.map((point) => point.time).slice(1));
  }
});

test('one sampler measures at a time; the next goes on where it stopped', async () => {
  const directories = await newDirectories();
  let now = start * 1000;
  const clock = { now: () => now };
  const problems: string[] = [];
  const log: Logger = (level, event) => void (level === 'error' && problems.push(event));
  const options = (used: number) => ({ directories, clock, log, measure: async () => [sample(used)] });
  const [first, second] = [new Sampler(options(1)), new Sampler(options(2))];
  await first.turn();
  await second.turn();
  assert.deepEqual([first.active, second.active], [true, false]);
  await first.stop();
  now += 60_000;
  await second.turn();
  await second.turn();
  assert.equal(second.active, true);
  using reader = new MetricsReader(directories);
  assert.deepEqual(
    known(reader.read('datastore/s1', 'hour', 'MAX', start + 60)).map((point) => point['used' as 'time']),
    [1, 2],
  );
  await second.stop();
  const failing = new Sampler({ ...options(0), measure: () => Promise.reject(new Error('no disk')) });
  await failing.turn();
  await failing.turn();
  await failing.stop();
  assert.deepEqual(problems, ['metrics-not-recorded']);
});

test('rates are growth a second; a counter that went back says nothing', () => {
  const rates = new Rates();
  assert.deepEqual(rates.of('a', 10, { n: 100 }), {});
  assert.deepEqual(rates.of('a', 20, { n: 150, m: 1 }), { n: 5 });
  assert.deepEqual(rates.of('b', 20, { n: 150 }), {});
  assert.deepEqual(rates.of('a', 20, { n: 160, m: 2 }), {});
  assert.deepEqual(rates.of('a', 30, { n: 10, m: 3 }), {});
  assert.deepEqual(rates.of('a', 40, { n: 20, m: 3 }), { n: 1, m: 0 });
});

test('the estimate is where the line reaches 1; never when it does not rise; none of too few points', () => {
  const gap = null;
  assert.equal(estimateFull([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 1000, 100), undefined);
  assert.equal(estimateFull([0.1, gap, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 1000, 100), 1900);
  assert.equal(estimateFull([gap, ...new Array<number>(8).fill(0.5)], 1000, 100), 0);
  assert.equal(estimateFull([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], 1000, 100), 0);
  fc.assert(
    fc.property(
      fc.integer({ min: 7, max: 1440 }),
      fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      fc.double({ min: 0, max: 0.4, noNaN: true }),
      (count, first, growth) => {
        const history = Array.from({ length: count }, (_, i) => first + (growth * i) / count);
        const full = estimateFull(history, 1e9, 1800)!;
        const expected = growth <= 1e-5 ? full : 1e9 + ((1 - first) / (growth / count)) * 1800;
        assert.ok(Math.abs(full - expected) <= 1 + Math.abs(expected - 1e9) * 1e-5, `${full} ${expected}`);
      },
    ),
  );
});
