import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinNewest } from './newest.ts';

const join = (fresh: string, known: string): string => joinNewest([...fresh], [...known], (one) => one).join('');

test('a fresh page takes the place of what it covers, and older rows stay behind it', () => {
  assert.equal(join('abcd', ''), 'abcd');
  assert.equal(join('abcd', 'abcdefgh'), 'abcdefgh');
  assert.equal(join('xyab', 'abcdefgh'), 'xyabcdefgh');
  // c has gone; e has come up.
  assert.equal(join('abde', 'abcdefgh'), 'abdefgh');
  // b was running and has ended.
  assert.equal(join('acbd', 'abcdefgh'), 'acbdefgh');
});

test('a page that has nothing in common with what is known stands alone', () => {
  assert.equal(join('uvwx', 'abcdefgh'), 'uvwx');
});
