import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCached } from './cached-read.ts';

const folder = mkdtempSync(join(tmpdir(), 'granary-cached-'));
after(() => rmSync(folder, { recursive: true }));

test('gives the bytes of the file where it gives any', () => {
  const path = join(folder, 'file');
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) >> 3));
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, Buffer.alloc(content.length), 0, content.length, 0);
    for (const memory of [new ArrayBuffer(70_000), new SharedArrayBuffer(70_000)]) {
      for (const [from, length] of [
        [0, 1],
        [50_001, 10_000],
        [99_000, 20_000],
      ] as const) {
        const all = Buffer.from(memory).fill(0xee);
        const target = new Uint8Array(memory, 13, length);
        const n = readCached(fd, target, from);
        // Not every file system says what it has in memory.
        assert.ok(n >= 0 && n <= Math.min(length, content.length - from));
        assert.ok(content.subarray(from, from + n).equals(target.subarray(0, n)));
        assert.ok(all.subarray(0, 13).every((byte) => byte === 0xee));
        assert.ok(all.subarray(13 + length).every((byte) => byte === 0xee));
      }
    }
    assert.equal(readCached(fd, new Uint8Array(10), content.length), 0);
  } finally {
    closeSync(fd);
  }
});

test('what cannot be read is an error', () => {
  assert.throws(() => readCached(-1, new Uint8Array(10), 0), { code: 'EBADF', syscall: 'read' });
});
