// Item types from their labels, name hashes, and the order of goodbye tables, against the vectors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { vectors } from '../../test/support/golden.ts';
import { GoodbyeRows, searchTreeOrder } from './goodbye.ts';
import { goodbyeTail, Item, identifyItem, itemTypes } from './items.ts';
import { OffsetSet } from './offset-set.ts';
import { hash, siphash } from './siphash.ts';

const golden = vectors<{ name_hashes: Record<string, string>; bst_permutation: Record<string, number[]> }>('pxar');

function hashOf(name: Uint8Array): bigint {
  siphash(name);
  return (BigInt(hash.hi) << 32n) | BigInt(hash.lo);
}

test('type numbers are the hashes of their labels and are told apart', () => {
  for (const [code, { label, hi, lo, name }] of itemTypes.entries()) {
    if (code === Item.unknown) continue;
    assert.equal(hashOf(Buffer.from(label)), (BigInt(hi) << 32n) | BigInt(lo), name);
    assert.equal(identifyItem(hi, lo), code, name);
    assert.equal(identifyItem(hi ^ 1, lo), Item.unknown);
    assert.equal(identifyItem(hi, lo ^ 1), Item.unknown);
  }
  assert.equal(hashOf(Buffer.from(goodbyeTail.label)), (BigInt(goodbyeTail.hi) << 32n) | BigInt(goodbyeTail.lo));
});

test('name hashes', () => {
  for (const [name, expected] of Object.entries(golden.name_hashes)) {
    assert.equal(hashOf(Buffer.from(name)).toString(16).padStart(16, '0'), expected, name);
  }
  assert.equal(hashOf(Uint8Array.of(0xff, 0xfe)), 0xd40f34bd0209240an);
});

/** SipHash-2-4 as published, in 64-bit arithmetic. */
function reference(bytes: Uint8Array): bigint {
  const wrap = (x: bigint) => BigInt.asUintN(64, x);
  const turn = (x: bigint, n: bigint) => wrap((x << n) | (x >> (64n - n)));
  const [k0, k1] = [0x83ac3f1cfbb450dbn, 0xaa4f1b6879369fbdn];
  let [a, b, c, d] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const round = () => {
    a = wrap(a + b);
    b = turn(b, 13n) ^ a;
    a = turn(a, 32n);
    c = wrap(c + d);
    d = turn(d, 16n) ^ c;
    a = wrap(a + d);
    d = turn(d, 21n) ^ a;
    c = wrap(c + b);
    b = turn(b, 17n) ^ c;
    c = turn(c, 32n);
  };
  const padded = Buffer.alloc((Math.floor(bytes.byteLength / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.byteLength - 1] = bytes.byteLength & 0xff;
  for (let at = 0; at < padded.byteLength; at += 8) {
    const word = padded.readBigUInt64LE(at);
    d ^= word;
    round();
    round();
    a ^= word;
  }
  c ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return a ^ b ^ c ^ d;
}

test('hashes agree with the published algorithm', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => hashOf(bytes) === reference(bytes)));
});

test('tables are ordered as the vectors say', () => {
  for (const [n, expected] of Object.entries(golden.bst_permutation)) {
    const order: number[] = [];
    searchTreeOrder(Number(n), (position, sorted) => {
      order[position] = sorted;
    });
    assert.deepEqual(order, expected, `n = ${n}`);
  }
});

test('any number of rows gives a search tree without holes', () => {
  for (let n = 0; n <= 300; n++) {
    const order: number[] = Array.from({ length: n }, () => -1);
    searchTreeOrder(n, (position, sorted) => {
      order[position] = sorted;
    });
    const walk = (i: number): number[] => (i >= n ? [] : [...walk(2 * i + 1), order[i]!, ...walk(2 * i + 2)]);
    assert.deepEqual(
      walk(0),
      Array.from({ length: n }, (_, i) => i),
    );
  }
});

test('large directories are sorted like small ones', () => {
  const rows = new GoodbyeRows();
  rows.push(Buffer.from('of another directory'), 0, 0);
  const names = Array.from({ length: 5000 }, (_, i) => Buffer.from(`name-${i % 4990}`));
  for (const [i, name] of names.entries()) rows.push(name, 100 + i * 50, 50);
  const table = Buffer.from(rows.pop(1, 300_000, 300_000));
  assert.equal(rows.length, 1);
  const sorted = names
    .map((name, i) => ({ hash: hashOf(name), offset: BigInt(300_000 - 100 - i * 50), i }))
    .sort((x, y) => (x.hash < y.hash ? -1 : x.hash > y.hash ? 1 : x.i - y.i));
  searchTreeOrder(names.length, (position, place) => {
    assert.equal(table.readBigUInt64LE(16 + 24 * position), sorted[place]!.hash);
    assert.equal(table.readBigUInt64LE(24 + 24 * position), sorted[place]!.offset);
  });
});

test('the set of file positions knows its members', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 46 })), {
    minLength: 1,
    maxLength: 400,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const set = new OffsetSet();
      const members = new Set<number>();
      let offset = 0;
      assert.equal(set.has(0), false);
      for (const step of list) {
        offset += step;
        set.add(offset);
        members.add(offset);
      }
      for (const member of members) {
        assert.ok(set.has(member));
        assert.equal(set.has(member + 1), members.has(member + 1));
        assert.equal(set.has(member - 1), members.has(member - 1));
      }
    }),
  );
});
