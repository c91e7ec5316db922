import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Matcher } from '../config/notification-schema.ts';
import { chooseTargets, isMatch } from './matcher.ts';
import { type Severity, severities } from './notification.ts';

/** 2023-11-14 22:13:20 UTC, a Tuesday. */
const timestamp = 1_700_000_000;
const local = new Date(timestamp * 1000);
const hour = local.getHours();
const facts = { severity: 'error' as Severity, timestamp, fields: { type: 'gc', datastore: 'ds1', hostname: 'pbs' } };
const met = (directives: Omit<Matcher, 'name'>): boolean => isMatch({ name: 'm1', ...directives }, facts);

test('each kind of directive', () => {
  const cases: [Omit<Matcher, 'name'>, boolean][] = [
    [{}, true],
    [{ 'invert-match': true }, true],
    [{ 'match-field': ['exact:type=gc'] }, true],
    [{ 'match-field': ['exact:type=prune,gc'] }, true],
    [{ 'match-field': ['exact:type=g'] }, false],
    [{ 'match-field': ['exact:job-id=x'] }, false],
    [{ 'match-field': ['exact:job-id='] }, false],
    [{ 'match-field': ['exact:toString=x'] }, false],
    [{ 'match-field': ['regex:datastore=^ds\\d$'] }, true],
    [{ 'match-field': ['regex:datastore=s'] }, true],
    [{ 'match-field': ['regex:datastore=(?i)^DS'] }, true],
    [{ 'match-field': ['regex:job-id=.*'] }, false],
    [{ 'match-field': ['regex:hostname==|pb'] }, true],
    [{ 'match-severity': ['error'] }, true],
    [{ 'match-severity': ['warning,error'] }, true],
    [{ 'match-severity': ['info notice'] }, false],
    [{ 'match-severity': ['error', 'info'] }, false],
    [{ 'match-severity': ['error', 'info'], mode: 'any' }, true],
    [{ 'match-severity': ['info'], 'match-field': ['exact:type=gc'], mode: 'any' }, true],
    [{ 'match-severity': ['info'], 'match-field': ['exact:type=gc'] }, false],
    [{ 'match-severity': ['info'], 'match-field': ['exact:type=gc'], 'invert-match': true }, true],
    [{ 'match-severity': ['info'], 'match-field': ['exact:type=gc'], mode: 'any', 'invert-match': true }, false],
    [{ 'match-calendar': [`${hour}-${hour}:59`] }, true],
    [{ 'match-calendar': [`${(hour + 1) % 24}-${(hour + 1) % 24}:59`] }, false],
  ];
  for (const [directives, expected] of cases) assert.equal(met(directives), expected, JSON.stringify(directives));
});

test('the shipped matcher tells of everything but successful prunes', () => {
  const shipped: Matcher = {
    name: 'default-matcher',
    mode: 'all',
    'invert-match': true,
    'match-field': ['exact:type=prune'],
    'match-severity': ['info'],
  };
  const about = (type: string, severity: Severity) => isMatch(shipped, { fields: { type }, severity, timestamp });
  assert.deepEqual(
    [about('prune', 'info'), about('prune', 'error'), about('gc', 'info'), about('sync', 'error')],
    [false, true, true, true],
  );
});

test('a matcher that cannot be understood is told of and holds up no other', () => {
  const problems: string[] = [];
  const targets = chooseTargets(
    [
      { name: 'broken', 'match-field': ['regex:type=('], target: ['one'] },
      { name: 'unclear', 'match-field': ['type is gc'], target: ['one'] },
      { name: 'never', 'match-calendar': ['25-26'], target: ['one'] },
      { name: 'off', disable: true, target: ['one'] },
      { name: 'on', target: ['two', 'three'] },
      { name: 'also', 'match-severity': ['error'], target: ['three', 'four'] },
    ],
    facts,
    (matcher, problem) => problems.push(`${matcher}: ${problem}`),
  );
  assert.deepEqual(targets, ['two', 'three', 'four']);
  assert.deepEqual(
    problems.map((text) => text.split(':')[0]),
    ['broken', 'unclear', 'never'],
  );
});

/** The rule, in the plainest way: from directives that each have a known outcome. */
type Known = { key: 'match-field' | 'match-severity' | 'match-calendar'; text: string; holds: boolean };
const known = (severity: Severity): fc.Arbitrary<Known> =>
  fc.oneof(
    fc
      .record({ regex: fc.boolean(), field: fc.constantFrom('type', 'datastore', 'job-id'), holds: fc.boolean() })
      .map(({ regex, field, holds }) => {
        const value = (facts.fields as Record<string, string>)[field];
        const wanted = holds && value !== undefined ? value : 'other';
        const text = regex ? `regex:${field}=^${wanted}$` : `exact:${field}=nothing,${wanted}`;
        return { key: 'match-field' as const, text, holds: wanted === value };
      }),
    fc.subarray([...severities], { minLength: 1 }).map((some) => ({
      key: 'match-severity' as const,
      text: some.join(','),
      holds: some.includes(severity),
    })),
    fc.integer({ min: 0, max: 23 }).map((at) => ({
      key: 'match-calendar' as const,
      text: `${at}:00-${at}:59`,
      holds: at === hour && local.getMinutes() < 59,
    })),
  );

test('any set of matchers reaches the union of the targets of those that are met', () => {
  const severity = fc.constantFrom(...severities);
  const matchers = severity.chain((one) =>
    fc.record({
      severity: fc.constant(one),
      matchers: fc.array(
        fc.record({
          directives: fc.array(known(one), { maxLength: 5 }),
          any: fc.boolean(),
          invert: fc.boolean(),
          disable: fc.boolean(),
          target: fc.subarray(['t1', 't2', 't3', 't4']),
        }),
        { maxLength: 5 },
      ),
    }),
  );
  fc.assert(
    fc.property(matchers, ({ severity: one, matchers: all }) => {
      const expected = new Set<string>();
      for (const { directives, any, invert, disable, target } of all) {
        let result = true;
        if (directives.length > 0) {
          result = any ? directives.some(({ holds }) => holds) : directives.every(({ holds }) => holds);
          if (invert) result = !result;
        }
        if (result && !disable) for (const name of target) expected.add(name);
      }
      const of = (directives: Known[], key: Known['key']) => ({
        [key]: directives.filter((directive) => directive.key === key).map(({ text }) => text),
      });
      const written = all.map(
        ({ directives, any, invert, disable, target }, i): Matcher => ({
          name: `m${i}`,
          mode: any ? 'any' : 'all',
          'invert-match': invert,
          disable,
          target,
          ...of(directives, 'match-field'),
          ...of(directives, 'match-severity'),
          ...of(directives, 'match-calendar'),
        }),
      );
      const chosen = chooseTargets(written, { ...facts, severity: one }, (_name, problem) => assert.fail(problem));
      assert.deepEqual([...chosen].sort(), [...expected].sort());
      assert.equal(new Set(chosen).size, chosen.length);
    }),
  );
});
