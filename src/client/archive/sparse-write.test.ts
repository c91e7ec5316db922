// The writer of file content has to leave the same bytes, whatever the sizes of file and pieces, with holes where
// there are zeros; and a failed write must not go unnoticed.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { temporaryDirectory } from '../../../test/support/tree.ts';
import { SparseWriter } from './sparse-write.ts';

function writeFile(path: string, content: Buffer, piece: number): void {
  const fd = fs.openSync(path, 'wx');
  const writer = new SparseWriter(fd);
  try {
    const shared = Buffer.alloc(piece);
    for (let at = 0; at < content.byteLength; at += piece) {
      // The memory of a piece is the archive's: it is used again as soon as the call is over.
      const length = content.copy(shared, 0, at);
      writer.write(shared.subarray(0, length));
      shared.fill(0xee);
    }
    writer.finish();
    assert.equal(writer.position, content.byteLength);
  } finally {
    fs.closeSync(fd);
  }
}

function temporary(t: TestContext): () => string {
  const dir = temporaryDirectory(t);
  let n = 0;
  return () => join(dir, `file-${n++}`);
}

/** Data and zeros in turn. */
const layout = fc.array(fc.record({ zeros: fc.boolean(), length: fc.integer({ min: 1, max: 700_000 }) }), {
  maxLength: 12,
});

describe('content writer', () => {
  it('writes any content in any pieces', (t) => {
    const path = temporary(t);
    fc.assert(
      fc.property(layout, fc.constantFrom(4096, 10_007, 65_536, 3_000_000), (runs, piece) => {
        const content = Buffer.concat(runs.map(({ zeros, length }, i) => Buffer.alloc(length, zeros ? 0 : i + 1)));
        const file = path();
        writeFile(file, content, piece);
        assert.ok(fs.readFileSync(file).equals(content));
        fs.rmSync(file);
      }),
      { numRuns: 25 },
    );
  });

  it('keeps sizes around its own limits, and makes holes', (t) => {
    const path = temporary(t);
    const mib = 1024 * 1024;
    for (const size of [0, 1, 4095, 4096, 4097, mib - 1, mib, mib + 1, 10 * mib + 4096]) {
      for (const fill of [0, 7]) {
        const file = path();
        writeFile(file, Buffer.alloc(size, fill), 1_000_000);
        assert.ok(fs.readFileSync(file).equals(Buffer.alloc(size, fill)), `${size} bytes of ${fill}`);
        if (fill === 0) assert.ok(fs.statSync(file).blocks <= 16, `${fs.statSync(file).blocks} blocks of zeros`);
        fs.rmSync(file);
      }
    }
  });

  it('reports a failed write', (t) => {
    const file = temporary(t)();
    fs.writeFileSync(file, '');
    const fd = fs.openSync(file, 'r');
    const writer = new SparseWriter(fd);
    assert.throws(() => writer.write(Buffer.alloc(1_000_000, 1)), { code: 'EBADF' });
    fs.closeSync(fd);
  });
});
