import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { setFailpoint } from '../os/failpoint.ts';
import type { Notification } from './notification.ts';
import { parseSpooled, spoolDirectory, spoolNotification } from './spool.ts';
import { longestAge, SpoolWorker } from './spool-worker.ts';

let home: string;
let directories: Directories;
let time: number;
const clock = { now: () => time };
const begin = 1_700_000_000_000;

beforeEach(async () => {
  home = fs.mkdtempSync(join(tmpdir(), 'granary-spool-'));
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  time = begin;
});
afterEach(() => fs.rmSync(home, { recursive: true }));

const notification = (datastore: string): Notification => ({
  severity: 'error',
  timestamp: 1_700_000_000,
  fields: { type: 'gc', datastore },
  template: 'gc-err',
  data: { datastore },
});
const spool = (datastore: string): Promise<void> => spoolNotification(directories, clock, notification(datastore));
const waiting = (): string[] =>
  fs.existsSync(spoolDirectory(directories))
    ? fs.readdirSync(spoolDirectory(directories)).filter((name) => name.endsWith('.json'))
    : [];

class Stand {
  readonly sent: string[] = [];
  readonly events: string[] = [];
  /** Targets that take nothing. */
  readonly failing = new Set<string>();
  chosen = ['one', 'two'];
  readonly worker: SpoolWorker;

  constructor() {
    this.worker = new SpoolWorker({
      directories,
      clock,
      log: (_level, event) => this.events.push(event),
      outlet: async () => ({
        choose: () => this.chosen,
        send: async (target, { fields }) => {
          if (this.failing.has(target)) throw new Error(`${target} fails`);
          this.sent.push(`${target} ${fields['datastore']}`);
          return true;
        },
      }),
    });
  }

  async turnAfter(seconds: number): Promise<string[]> {
    time += seconds * 1000;
    await this.worker.turn();
    return this.sent.splice(0);
  }
}

test('what is spooled goes to each target once, in the order of time', async () => {
  const stand = new Stand();
  await spool('ds1');
  time += 5;
  await spool('ds2');
  assert.equal(waiting().length, 2);
  assert.deepEqual(await stand.turnAfter(0), ['one ds1', 'two ds1', 'one ds2', 'two ds2']);
  assert.deepEqual(await stand.turnAfter(3600), []);
  assert.deepEqual(waiting(), []);
  stand.chosen = [];
  await spool('ds3');
  assert.deepEqual(await stand.turnAfter(0), []);
  assert.deepEqual(waiting(), []);
  await stand.worker.stop();
});

test('what a target did not take is tried again, less and less often, and given up after three days', async () => {
  const stand = new Stand();
  stand.failing.add('one');
  await spool('ds1');
  assert.deepEqual(await stand.turnAfter(0), ['two ds1']);
  // Whatever else is for it waits as well, without being tried.
  time += 1;
  await spool('ds2');
  assert.deepEqual(await stand.turnAfter(0), ['two ds2']);
  assert.equal(stand.events.filter((event) => event === 'notification-not-sent').length, 1);
  // The matchers may say otherwise meanwhile.
  stand.chosen = ['two'];
  stand.events.length = 0;
  /** Seconds between attempts, whichever notification they are for. */
  const waits: number[] = [];
  for (let passed = 60, last = 0; waits.length < 8; passed += 60) {
    await stand.turnAfter(60);
    if (stand.events.splice(0).length === 0) continue;
    waits.push(passed - last);
    last = passed;
  }
  assert.deepEqual(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
  stand.failing.clear();
  assert.deepEqual((await stand.turnAfter(7200)).sort(), ['one ds1', 'one ds2']);
  assert.deepEqual(waiting(), []);

  stand.chosen = ['one'];
  stand.failing.add('one');
  await spool('ds4');
  for (let passed = 0; passed <= longestAge; passed += 3600) await stand.turnAfter(3600);
  assert.ok(stand.events.includes('notification-given-up'));
  assert.deepEqual(waiting(), []);
  await stand.worker.stop();
});

test('a target that failed is remembered over a restart, and those that were reached are', async () => {
  const first = new Stand();
  first.failing.add('two');
  await spool('ds1');
  assert.deepEqual(await first.turnAfter(0), ['one ds1']);
  await first.worker.stop();
  const second = new Stand();
  assert.deepEqual(await second.turnAfter(10), []);
  assert.deepEqual(await second.turnAfter(60), ['two ds1']);
  await second.worker.stop();
});

test('one process at a time sends; another goes on when it ends', async () => {
  const [first, second] = [new Stand(), new Stand()];
  await first.turnAfter(0);
  await spool('ds1');
  assert.deepEqual(await second.turnAfter(0), []);
  await first.worker.stop();
  assert.deepEqual(await second.turnAfter(0), ['one ds1', 'two ds1']);
  await second.worker.stop();
});

test('it is sent as soon as it is there', async () => {
  const arrived = Promise.withResolvers<string>();
  const worker = new SpoolWorker({
    directories,
    clock,
    log: () => {},
    outlet: async () => ({
      choose: () => ['one'],
      send: async (target) => {
        arrived.resolve(target);
        return true;
      },
    }),
  });
  worker.start();
  await spool('ds1');
  assert.equal(await arrived.promise, 'one');
  await worker.stop();
});

test('damaged files are set aside and hold up nothing', async () => {
  const stand = new Stand();
  await spool('ds1');
  const [name = ''] = waiting();
  const directory = spoolDirectory(directories);
  const good = fs.readFileSync(join(directory, name), 'utf8');
  const damaged = [
    '',
    good.slice(0, -5),
    '[]',
    good.replace('gc-err', '../../../etc/passwd'),
    good.replace('"error"', '"loud"'),
    'x'.repeat(2_000_000),
  ];
  const id = (i: number): string => `0000000000000-00000000-0000-0000-0000-00000000000${i}.json`;
  damaged.forEach((text, i) => void fs.writeFileSync(join(directory, id(i)), text));
  fs.symlinkSync('/etc/passwd', join(directory, id(8)));
  fs.mkdirSync(join(directory, id(9)));
  // What is none of the spool's files stays.
  fs.writeFileSync(join(directory, 'README.json'), '{}');
  assert.deepEqual(await stand.turnAfter(0), ['one ds1', 'two ds1']);
  assert.deepEqual(waiting(), ['README.json']);
  assert.equal(fs.readdirSync(join(directory, 'damaged')).length, damaged.length + 2);
  assert.equal(stand.events.filter((event) => event === 'notification-damaged').length, damaged.length + 2);
  await stand.worker.stop();
});

test('a spool that is a link to somewhere else is refused', async () => {
  fs.symlinkSync(home, spoolDirectory(directories));
  await assert.rejects(spool('ds1'), /"[^"]*\/notifications" is not a directory/);
  const stand = new Stand();
  await stand.turnAfter(0);
  assert.deepEqual(stand.events, ['notification-spool-failed']);
  await stand.worker.stop();
});

const child = fileURLToPath(new URL('./testing/spool-child.ts', import.meta.url));
const runChild = (what: string, failpoint: string): string | null =>
  spawnSync(process.execPath, [child, home, what, join(home, 'sent')], {
    env: { ...process.env, GRANARY_FAILPOINTS: failpoint },
  }).signal;
const steps = ['before-write', 'after-write', 'after-fsync', 'after-rename', 'after-dir-fsync'].map(
  (step) => `atomic-file:${step}`,
);

/** Lets what `work` does end at the `at`th hit of a failpoint; false when it does not come there. */
async function interrupt(point: string, at: number, work: () => Promise<unknown>): Promise<boolean> {
  let hits = 0;
  setFailpoint(point, () => {
    // From then on nothing happens any more, as in a process that is dead.
    if (++hits >= at) throw new Error('dead');
  });
  await work().catch(() => {});
  setFailpoint(point, undefined);
  return hits >= at;
}

test('what ends in the middle of spooling leaves the whole notification or nothing', async () => {
  for (const step of steps) {
    assert.ok(await interrupt(step, 1, () => spool('ds1')), step);
    for (const name of waiting()) {
      const text = fs.readFileSync(join(spoolDirectory(directories), name), 'utf8');
      assert.ok(parseSpooled(text) !== undefined, text);
    }
  }
  // The last two had put it in place.
  assert.equal(waiting().length, 2);
});

test('what ends in the middle of sending loses nothing and repeats at most the message that was under way', async () => {
  for (const point of [...steps, 'notification:after-send']) {
    let reached = 0;
    for (let at = 1; ; at++) {
      const stand = new Stand();
      stand.chosen = ['one', 'two', 'three'];
      await spool('ds1');
      if (await interrupt(point, at, () => stand.worker.turn())) reached++;
      else reached = -reached;
      await stand.worker.stop();
      const next = new Stand();
      next.chosen = stand.chosen;
      const sent = [...stand.sent, ...(await next.turnAfter(0))];
      await next.worker.stop();
      assert.deepEqual(new Set(sent), new Set(['one ds1', 'two ds1', 'three ds1']), `${point} ${at}`);
      assert.ok(sent.length <= 4, `${point} ${at}: ${sent.join(', ')}`);
      assert.deepEqual(waiting(), []);
      if (reached <= 0) break;
    }
    // The choice, and what is left after the first and the second target.
    assert.equal(reached, -3, point);
  }
});

test('a process that is killed while it spools and while it sends', () => {
  assert.equal(runChild('spool', 'atomic-file:after-write=kill'), 'SIGKILL');
  assert.deepEqual(waiting(), []);
  assert.equal(runChild('spool', 'atomic-file:after-rename=kill'), 'SIGKILL');
  assert.equal(runChild('send', 'notification:after-send=kill@2'), 'SIGKILL');
  assert.equal(runChild('send', ''), null);
  const sent = fs.readFileSync(join(home, 'sent'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(sent, ['one ds1', 'two ds1', 'two ds1', 'three ds1']);
  assert.deepEqual(waiting(), []);
});
