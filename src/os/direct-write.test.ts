import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isErrno } from '../base/errors.ts';
import { writeFileDirectSync } from './direct-write.ts';

describe('direct write', () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), 'granary-direct-'));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  it('writes the same bytes whatever size and alignment', () => {
    const memory = new Uint8Array(new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true }).buffer);
    for (let i = 0; i < memory.length; i++) memory[i] = (i * 31) >> 3;
    for (const length of [0, 1, 4095, 65536, 65537, 1_000_000, 64 * 65536]) {
      for (const offset of [0, 4096, 4097]) {
        if (offset + length > memory.length) continue;
        const path = join(dir, `${length}-${offset}`);
        const bytes = memory.subarray(offset, offset + length);
        const how = writeFileDirectSync(path, bytes, { mode: 0o640, durable: length === 1 });
        if (offset === 4097 || length < 65536) assert.equal(how, 'buffered');
        assert.equal(Buffer.compare(fs.readFileSync(path), Buffer.from(bytes)), 0);
        assert.equal(fs.statSync(path).mode & 0o777, 0o640);
      }
    }
  });

  it('is exclusive unless told otherwise, and then truncates', () => {
    const path = join(dir, 'file');
    writeFileDirectSync(path, new Uint8Array(100_000));
    assert.throws(
      () => writeFileDirectSync(path, new Uint8Array(5)),
      (error) => isErrno(error, 'EEXIST'),
    );
    assert.equal(fs.statSync(path).size, 100_000);
    writeFileDirectSync(path, new Uint8Array(5), { exclusive: false });
    assert.equal(fs.statSync(path).size, 5);
  });
});
