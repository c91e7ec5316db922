import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideInsert } from './insert-table.ts';

const plain = { encrypted: false, compressed: true };
const sealed = { encrypted: true, compressed: false };
const packed = { encrypted: true, compressed: true };

describe('insert table (formats.md 14.1)', () => {
  const rows = [
    ['no file', { size: 50, ...plain }, undefined, 'write'],
    ['no file, encrypted', { size: 50, ...sealed }, undefined, 'write'],
    ['same size', { size: 50, ...plain }, { size: 50, traits: plain }, 'keep'],
    ['same size, encrypted', { size: 50, ...sealed }, { size: 50, traits: sealed }, 'keep'],
    ['same size, encrypted over plain', { size: 50, ...sealed }, { size: 50, traits: plain }, 'keep'],
    ['empty file', { size: 50, ...plain }, { size: 0, traits: undefined }, 'write'],
    ['empty file, encrypted', { size: 50, ...sealed }, { size: 0, traits: undefined }, 'write'],
    ['no chunk at all', { size: 50, ...plain }, { size: 20, traits: undefined }, 'write'],
    [
      'encrypted over plain',
      { size: 50, ...sealed },
      { size: 40, traits: plain },
      /Overwriting unencrypted chunk 'd1' on store 's1' with encrypted chunk with same digest not allowed!/,
    ],
    [
      'encrypted, both uncompressed',
      { size: 50, ...sealed },
      { size: 40, traits: sealed },
      /Overwriting existing \(encrypted\) chunk 'd1' on store 's1' is not allowed!/,
    ],
    ['encrypted and compressed over encrypted', { size: 50, ...packed }, { size: 60, traits: sealed }, 'keep'],
    ['encrypted over encrypted and compressed', { size: 50, ...sealed }, { size: 40, traits: packed }, 'keep'],
    ['plain, existing smaller', { size: 50, ...plain }, { size: 40, traits: plain }, 'keep'],
    ['plain, existing bigger', { size: 50, ...plain }, { size: 60, traits: plain }, 'write'],
    ['plain over encrypted', { size: 50, ...plain }, { size: 50, traits: packed }, 'write'],
    ['plain over smaller encrypted', { size: 50, ...plain }, { size: 40, traits: sealed }, 'write'],
  ] as const;
  for (const [name, incoming, existing, expected] of rows) {
    it(name, () => {
      const decide = () => decideInsert(incoming, existing, 'd1', 's1');
      if (typeof expected === 'string') assert.equal(decide(), expected);
      else assert.throws(decide, expected);
    });
  }
});
