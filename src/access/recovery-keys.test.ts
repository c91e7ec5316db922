import assert from 'node:assert/strict';
import { test } from 'node:test';
import { availableRecoveryKeys, findRecoveryKey, generateRecoveryKeys } from './recovery-keys.ts';

test('ten different keys, of which only the HMACs are kept', () => {
  const { keys, stored } = generateRecoveryKeys(1700000000);
  assert.equal(new Set(keys).size, 10);
  for (const key of keys) assert.match(key, /^(?:[0-9a-f]{4}-){3}[0-9a-f]{4}$/);
  assert.match(stored.secret, /^[0-9a-f]{16}$/);
  assert.equal(stored.entries.length, 10);
  for (const entry of stored.entries) assert.match(entry!, /^[0-9a-f]{64}$/);
  assert.equal(stored.created, 1700000000);
  assert.deepEqual(availableRecoveryKeys(stored), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const [i, key] of keys.entries()) assert.equal(findRecoveryKey(stored, key), i);
});

test('the HMAC is that of the field: its key is the characters of the hex secret', () => {
  // Computed with another implementation of HMAC-SHA256.
  const entry = '192312f6c92e2cb9bfc9955a39251964eae710fdcd0fc9127fb3bba0d2618a3f';
  const stored = { secret: '0123456789abcdef', entries: [null, entry], created: 0 };
  assert.equal(findRecoveryKey(stored, '1111-2222-3333-4444'), 1);
  assert.equal(findRecoveryKey(stored, ' 1111-2222-3333-4444\n'), 1);
  for (const key of ['', '1111-2222-3333-4445', '1111222233334444', entry]) {
    assert.equal(findRecoveryKey(stored, key), undefined);
  }
  assert.deepEqual(availableRecoveryKeys(stored), [1]);
  assert.equal(findRecoveryKey({ ...stored, entries: [null, '', 'x'] }, '1111-2222-3333-4444'), undefined);
});
