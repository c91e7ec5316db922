// DigestMap against a plain Map, also with digests that collide in their first bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from './bytes.ts';
import { DigestMap } from './digest-map.ts';

test('behaves like a Map, with colliding digests too', () => {
  const digest = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.uint8Array({ minLength: 28, maxLength: 28 }).map((tail) => Uint8Array.from([7, 7, 7, 7, ...tail])),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(digest, fc.nat(0xffffffff))), (entries) => {
      const map = new DigestMap(1);
      const reference = new Map<string, number>();
      for (const [key, value] of entries) {
        assert.equal(map.set(key, value), !reference.has(toHex(key)));
        reference.set(toHex(key), value);
      }
      assert.equal(map.count, reference.size);
      for (const [key] of entries) assert.equal(map.get(key), reference.get(toHex(key)));
      assert.equal(map.get(new Uint8Array(32).fill(9)), reference.get('09'.repeat(32)));
    }),
  );
});

test('keeps every entry while it grows', () => {
  const map = new DigestMap();
  const key = new Uint8Array(32);
  const view = new DataView(key.buffer);
  for (let i = 0; i < 20_000; i++) {
    view.setUint32(0, i % 4099, true);
    view.setUint32(28, i, true);
    map.set(key, i);
  }
  assert.equal(map.count, 20_000);
  for (let i = 0; i < 20_000; i++) {
    view.setUint32(0, i % 4099, true);
    view.setUint32(28, i, true);
    assert.equal(map.get(key), i);
  }
});
