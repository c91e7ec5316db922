import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SummaryWords, summaryOf } from './matcher-summary.ts';

// The texts themselves need a browser; what is tested is which of them are put together.
const t: SummaryWords = {
  sendsNowhere: 'nowhere',
  sendsTo: (targets) => `to ${targets}`,
  everything: 'all',
  nothing: 'none',
  when: (mode, conditions) => `${mode} ${conditions}`,
  ifAll: 'if',
  ifAny: 'if one:',
  unless: (conditions) => `unless ${conditions}`,
  and: ' and ',
  or: ' or ',
  severityIs: (list) => `severity ${list}`,
  fieldIs: (field, list) => `${field} is ${list}`,
  fieldMatches: (field, expression) => `${field} ~ ${expression}`,
  atTimes: (time) => `at ${time}`,
};

test('a matcher is told in a sentence', () => {
  assert.equal(summaryOf({ name: 'm', target: ['a', 'b'] }, t), 'to a, b: all');
  assert.equal(summaryOf({ name: 'm', 'invert-match': true }, t), 'nowhere: none');
  const matcher = {
    name: 'm',
    target: ['a'],
    'match-severity': ['error,warning'],
    'match-field': ['exact:type=gc,prune', 'regex:hostname=^b=.*$'],
    'match-calendar': ['mon..fri 8-17'],
  };
  const conditions = ['severity error or warning', 'type is gc or prune', 'hostname ~ ^b=.*$', 'at mon..fri 8-17'];
  assert.equal(summaryOf(matcher, t), `to a: if ${conditions.join(' and ')}`);
  assert.equal(summaryOf({ ...matcher, mode: 'any' }, t), `to a: if one: ${conditions.join(' or ')}`);
  assert.equal(summaryOf({ ...matcher, 'invert-match': true }, t), `to a: unless ${conditions.join(' and ')}`);
});
