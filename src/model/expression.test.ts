import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExpression } from './expression.ts';

test('expressions of the original mean here what they mean there', () => {
  const cases: [string, string[], string[]][] = [
    ['web\\d', ['host/web1'], ['host/WEB1', 'host/web']],
    ['(?i)web\\d$', ['host/WEB1'], ['host/web1x']],
    ['^host/pbs\\-0[12]$', ['host/pbs-01'], ['host/pbs\\-01']],
    ['^host/[a\\-c_]+$', ['host/a-c'], ['host/b']],
    ['^vm/[[:digit:]]{3}$', ['vm/100'], ['vm/10', 'vm/abc', 'vm/:::']],
    ['^host/[[:alpha:][:digit:]_]+$', ['host/a1_'], ['host/a-1']],
    ['\\Avm/1\\z', ['vm/1'], ['vm/10', 'Avm/1z']],
    ['\\\\A', ['\\A'], ['A']],
    ['(?P<type>vm|ct)/1', ['vm/1', 'ct/1'], ['host/1']],
    ['(?i:VM)/A', ['vm/A'], ['vm/a']],
    ['^\\p{L}+$', ['Größe'], ['a1']],
    ['a|b', ['xbx'], ['c']],
    ['', [''], []],
  ];
  for (const [text, yes, no] of cases) {
    for (const one of yes) assert.ok(parseExpression(text).test(one), `${text} ${one}`);
    for (const one of no) assert.ok(!parseExpression(text).test(one), `${text} ${one}`);
  }
});

test('what is none is refused', () => {
  for (const text of ['[', '(', '*', '(?x)a b', 'a\\y', '[[:alfa:]]']) {
    assert.throws(() => parseExpression(text), SyntaxError, text);
  }
});
