import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Crossing, type Level, lookAt, reminderSeconds } from './crossing.ts';

const hour = 3600;

/** Looks every hour; what is told at which hour. */
function story(levels: readonly (Level | undefined)[]): string[] {
  const told: string[] = [];
  let state: Crossing | undefined;
  levels.forEach((level, i) => {
    const { next, tell } = lookAt(state, level, i * hour);
    if (tell !== undefined) told.push(`${i} ${tell} ${next?.level ?? ''}`.trim());
    state = next;
  });
  return told;
}

const times = <T>(n: number, value: T): T[] => Array<T>(n).fill(value);

test('once when it is crossed, once a day while it is, once when it ends', () => {
  assert.deepEqual(story([undefined, 'warning', 'warning', undefined, undefined]), ['1 exceeded warning', '3 ended']);
  assert.deepEqual(story([...times(50, 'warning' as const), undefined]), [
    '0 exceeded warning',
    '24 exceeded warning',
    '48 exceeded warning',
    '50 ended',
  ]);
});

test('what rises to critical is told at once, what falls to warning is not', () => {
  assert.deepEqual(story(['warning', 'critical', 'critical', 'warning', 'critical', undefined]), [
    '0 exceeded warning',
    '1 exceeded critical',
    '4 exceeded critical',
    '5 ended',
  ]);
  assert.deepEqual(story(['critical', ...times(25, 'warning' as const)]), [
    '0 exceeded critical',
    '24 exceeded warning',
  ]);
});

test('whatever a figure does, what is told is true and enough', () => {
  const levels = fc.array(fc.constantFrom<(Level | undefined)[]>(undefined, 'warning', 'critical'), { maxLength: 200 });
  fc.assert(
    fc.property(levels, (looks) => {
      let state: Crossing | undefined;
      let open = false;
      let lastTold = 0;
      looks.forEach((level, i) => {
        const now = i * hour;
        const before = state;
        const { next, tell } = lookAt(state, level, now);
        state = next;
        assert.equal(next?.level, level);
        // An end is told if and only if a beginning was.
        if (tell === 'ended') assert.ok(open && level === undefined);
        if (level === undefined) assert.equal(tell, open ? 'ended' : undefined);
        if (tell === 'exceeded') lastTold = now;
        open = level !== undefined;
        if (!open) return;
        if (before === undefined) assert.equal(tell, 'exceeded');
        if (before?.level === 'warning' && level === 'critical') assert.equal(tell, 'exceeded');
        if (before !== undefined && before.level === level && now - before.told < reminderSeconds)
          assert.equal(tell, undefined);
        assert.ok(now - lastTold < reminderSeconds);
        assert.ok(next!.since <= now && next!.since >= (before?.since ?? now));
      });
    }),
  );
});
