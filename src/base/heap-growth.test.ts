import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { limitHeapGrowth } from './heap-growth.ts';

/** Whether V8 takes code that was compiled when the test began. */
const source = '(function () { return 1; })()';
const compiled = new Script(source).createCachedData();
let names = 0;
const isTaken = (): boolean =>
  new Script(source, { cachedData: compiled, filename: `${names++}` }).cachedDataRejected === false;

test('the limit is set after the start, and code for the next process is compiled without it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const others = process.listeners('exit');
  limitHeapGrowth(60);
  t.mock.timers.tick(900);
  assert.ok(isTaken());
  t.mock.timers.tick(200);
  assert.ok(!isTaken());
  const [restore] = process.listeners('exit').filter((listener) => !others.includes(listener));
  restore?.(0);
  assert.ok(isTaken());
});
