import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../chunk-store/testing/chunks.ts';
import { tryLock } from '../os/file-lock.ts';
import { StoreWriters } from './writers.ts';

interface Child extends AsyncDisposable {
  process: ChildProcess;
}

/** Another process that runs `code` with `writers` at hand, says `ready`, and lives until it is killed. */
async function child(base: string, locks: string, code: string): Promise<Child> {
  const program = `
    import { StoreWriters } from ${JSON.stringify(new URL('./writers.ts', import.meta.url).href)};
    import * as fs from 'node:fs';
    import { recordLock } from ${JSON.stringify(new URL('../os/file-lock.ts', import.meta.url).href)};
    const writers = new StoreWriters(${JSON.stringify(base)}, ${JSON.stringify(locks)});
    ${code}
    console.log('ready');
    setInterval(() => {}, 1000);
  `;
  const running = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(running.stdout!, 'data');
  return {
    process: running,
    async [Symbol.asyncDispose]() {
      if (running.exitCode !== null || running.signalCode !== null) return;
      running.kill('SIGKILL');
      await once(running, 'exit');
    },
  };
}

function setup() {
  const directory = temporaryDirectory();
  const base = join(directory, 'store');
  const locks = join(directory, 'locks');
  fs.mkdirSync(base);
  return {
    base,
    locks,
    writers: new StoreWriters(base, locks),
    [Symbol.dispose]: () => fs.rmSync(directory, { recursive: true, force: true }),
  };
}

describe('writers of a datastore', () => {
  it('are known by their age, whichever way the clock was set', () => {
    using under = setup();
    let uptime = 5000;
    const writers = new StoreWriters(under.base, under.locks, () => uptime);
    assert.equal(writers.oldestAge(100), undefined);
    using _writer = writers.enter(100_000);
    uptime += 300;
    for (const [now, age] of [
      [100_300, 300],
      [1000, 300],
      [200_000, 100_000],
    ] as const) {
      assert.equal(new StoreWriters(under.base, under.locks, () => uptime).oldestAge(now), age);
    }
  });

  it('enter beside a collection that looks at their record first', () => {
    using under = setup();
    const { writers } = under;
    writers.enter(100).release();
    using first = writers.enter(100);
    const records = join(under.locks, '.writers');
    const [name = ''] = fs.readdirSync(records);
    const [, stem, sequence] = /^(.*-)(\d+)$/.exec(name)!;
    using looked = tryLock(join(records, `${stem}${Number(sequence) + 1}`), 'exclusive');
    using second = writers.enter(100);
    assert.ok(looked);
    assert.deepEqual([first.start, second.start, writers.oldest()], [100, 100, 100]);
  });

  it('are known by their start while they are open', () => {
    using under = setup();
    const { writers } = under;
    assert.equal(writers.oldest(), undefined);
    const second = writers.enter(200);
    const first = writers.enter(100);
    const again = new StoreWriters(under.base, under.locks).enter(100);
    assert.equal(writers.oldest(), 100);
    first.release();
    first.release();
    assert.equal(writers.oldest(), 100);
    again.release();
    assert.equal(writers.oldest(), 200);
    second.release();
    assert.equal(writers.oldest(), undefined);
    assert.equal(fs.statSync(join(under.base, '.lock')).mode & 0o7777, 0o644);
  });

  it('are known to other processes until they die', async () => {
    using under = setup();
    await using other = await child(under.base, under.locks, 'writers.enter(50);');
    using _own = under.writers.enter(90);
    assert.equal(under.writers.oldest(), 50);
    other.process.kill('SIGKILL');
    await once(other.process, 'exit');
    assert.equal(under.writers.oldest(), 90);
    assert.equal(fs.readdirSync(join(under.locks, '.writers')).length, 1);
  });

  it('go on beside a garbage collection of this product, of which there is one at a time', async () => {
    using under = setup();
    using _before = under.writers.enter(10);
    await using _other = await child(under.base, under.locks, 'writers.enter(50);');
    {
      using _collection = under.writers.beginCollection();
      using _during = under.writers.enter(20);
      assert.equal(under.writers.oldest(), 10);
      assert.throws(() => under.writers.beginCollection(), /garbage collection is already running/);
    }
    under.writers.beginCollection().release();
  });

  it('are kept out by a process of the original product that collects garbage', async () => {
    using under = setup();
    const lock = join(under.base, '.lock');
    fs.writeFileSync(lock, '');
    const code = `recordLock(fs.openSync(${JSON.stringify(lock)}, 'r+'), 'write');`;
    await using foreign = await child(under.base, under.locks, code);
    assert.throws(() => under.writers.enter(1), /unable to get shared lock on ".*\.lock"/);
    assert.deepEqual(fs.readdirSync(join(under.locks, '.writers')), []);
    foreign.process.kill('SIGKILL');
    await once(foreign.process, 'exit');
    under.writers.enter(1).release();
  });

  it('of the original product keep a garbage collection away', async () => {
    using under = setup();
    const lock = join(under.base, '.lock');
    fs.writeFileSync(lock, '');
    const code = `recordLock(fs.openSync(${JSON.stringify(lock)}, 'r+'), 'read');`;
    await using _foreign = await child(under.base, under.locks, code);
    using _own = under.writers.enter(1);
    assert.throws(() => under.writers.beginCollection(), /another process uses it/);
    assert.equal(under.writers.oldest(), 1);
  });

  it('show themselves to the original product', async () => {
    using under = setup();
    using _own = under.writers.enter(1);
    const lock = join(under.base, '.lock');
    const code = `console.error = () => {};
      const fd = fs.openSync(${JSON.stringify(lock)}, 'r+');
      fs.writeFileSync(${JSON.stringify(join(under.locks, 'answer'))}, [recordLock(fd, 'write'), recordLock(fd, 'read')].join());`;
    await using _foreign = await child(under.base, under.locks, code);
    assert.equal(fs.readFileSync(join(under.locks, 'answer'), 'utf8'), 'false,true');
  });
});
