// Both writers of file content have to leave the same bytes, whatever the sizes of file and pieces, with holes
// where there are zeros; and a failed write must not go unnoticed or outlive its file.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { temporaryDirectory } from '../../../test/support/tree.ts';
import { LargeFileWriter, WriteSlots } from './large-write.ts';
import { type ContentWriter, SparseWriter } from './sparse-write.ts';

const slots = new WriteSlots();
const writers: Record<string, (fd: number) => ContentWriter> = {
  SparseWriter: (fd) => new SparseWriter(fd),
  LargeFileWriter: (fd) => new LargeFileWriter(fd, slots),
};

async function writeFile(
  make: (fd: number) => ContentWriter,
  path: string,
  content: Buffer,
  piece: number,
): Promise<void> {
  const fd = fs.openSync(path, 'wx');
  const writer = make(fd);
  try {
    const shared = Buffer.alloc(piece);
    for (let at = 0; at < content.byteLength; at += piece) {
      // The memory of a piece is the archive's: it is used again as soon as the call is over.
      const length = content.copy(shared, 0, at);
      await writer.write(shared.subarray(0, length));
      shared.fill(0xee);
    }
    await writer.finish();
    assert.equal(writer.position, content.byteLength);
  } finally {
    await writer.abandon();
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

describe('content writers', () => {
  for (const [name, make] of Object.entries(writers)) {
    it(`${name} writes any content in any pieces`, async (t) => {
      const path = temporary(t);
      await fc.assert(
        fc.asyncProperty(layout, fc.constantFrom(4096, 10_007, 65_536, 3_000_000), async (runs, piece) => {
          const content = Buffer.concat(runs.map(({ zeros, length }, i) => Buffer.alloc(length, zeros ? 0 : i + 1)));
          const file = path();
          await writeFile(make, file, content, piece);
          assert.ok(fs.readFileSync(file).equals(content));
          fs.rmSync(file);
        }),
        { numRuns: 25 },
      );
    });

    it(`${name} keeps sizes around its own limits, and makes holes`, async (t) => {
      const path = temporary(t);
      const slot = 2 * 1024 * 1024;
      for (const size of [0, 1, 4095, 4096, 4097, slot - 1, slot, slot + 1, 2 * slot + 4096, 5 * slot + 5]) {
        for (const fill of [0, 7]) {
          const file = path();
          await writeFile(make, file, Buffer.alloc(size, fill), 1_000_000);
          assert.ok(fs.readFileSync(file).equals(Buffer.alloc(size, fill)), `${size} bytes of ${fill}`);
          if (fill === 0) assert.ok(fs.statSync(file).blocks <= 16, `${fs.statSync(file).blocks} blocks of zeros`);
          fs.rmSync(file);
        }
      }
    });

    it(`${name} reports a failed write`, async (t) => {
      const file = temporary(t)();
      fs.writeFileSync(file, '');
      const fd = fs.openSync(file, 'r');
      const writer = make(fd);
      await assert.rejects(
        async () => {
          for (let i = 0; i < 20; i++) await writer.write(Buffer.alloc(1_000_000, 1));
          await writer.finish();
        },
        { code: 'EBADF' },
      );
      await writer.abandon();
      fs.closeSync(fd);
    });
  }

  it('give their memory back when a file is abandoned', async (t) => {
    const path = temporary(t);
    for (let i = 0; i < 10; i++) {
      const fd = fs.openSync(path(), 'wx');
      const writer = new LargeFileWriter(fd, slots);
      await writer.write(Buffer.alloc(5_000_000, 1));
      await writer.abandon();
      fs.closeSync(fd);
    }
    await writeFile(writers['LargeFileWriter']!, path(), Buffer.alloc(20_000_000, 1), 4_000_000);
  });
});
