import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { noise, temporaryDirectory } from '../chunk-store/testing/chunks.ts';
import { parseIndex } from '../format/chunk-index.ts';
import { parseFixedIndex } from '../format/fixed-index.ts';
import { fixedChunkSize } from '../model/names.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { type ClosedIndex, DynamicIndexWriter, type FixedIndexOptions, FixedIndexWriter } from './index-writer.ts';
import { noMirror } from './mirror.ts';
import { dynamicChecksum, fixedChecksum } from './testing/temporary-store.ts';

interface Under {
  directory: string;
  path(name: string): string;
  ended: (ClosedIndex | undefined)[];
  fixed(options?: Partial<FixedIndexOptions>): FixedIndexWriter;
  dynamic(): DynamicIndexWriter;
  [Symbol.dispose](): void;
}

function setup(): Under {
  const directory = temporaryDirectory();
  const ended: (ClosedIndex | undefined)[] = [];
  const common = (name: string) => ({
    file: join(directory, name),
    path: `host/x/TIME/${name}`,
    name,
    ctime: 1593179765,
    durable: true,
    mirror: noMirror,
    onEnd: (closed: ClosedIndex | undefined) => ended.push(closed),
  });
  return {
    directory,
    path: (name) => join(directory, name),
    ended,
    fixed: (options = {}) => new FixedIndexWriter({ ...common('disk.img.fidx'), ...options }),
    dynamic: () => new DynamicIndexWriter(common('root.pxar.didx')),
    [Symbol.dispose]: () => fs.rmSync(directory, { recursive: true, force: true }),
  };
}

interface Piece {
  digest: Uint8Array;
  size: number;
}

const piece = (seed: string, size: number): Piece => ({ digest: noise(seed, 32), size });
const whole = (seed: string): Piece => piece(seed, fixedChunkSize);
const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { size }) => sum + size, 0);
const asChunks = (pieces: readonly Piece[]) =>
  pieces.map((p) => ({ ...p, content: new Uint8Array(), blob: new Uint8Array() }));
const says = (message: string) => (error: unknown) => {
  assert.ok(error instanceof GranaryError);
  assert.equal(error.message, message);
  assert.equal(error.status, 400);
  return true;
};

describe('dynamic index writer', () => {
  const pieces = [piece('a', 100), piece('b', 7), piece('a', 100)];
  const claim = { count: 3, size: 207, checksum: dynamicChecksum(asChunks(pieces)) };

  function appendAll(writer: DynamicIndexWriter, list: readonly Piece[]): void {
    let at = 0;
    for (const { digest, size } of list) {
      writer.append(at, digest, size);
      at += size;
    }
  }

  it('writes the index of the vectors', async () => {
    using under = setup();
    const vector = vectors<{ ends: number[]; digests: string[]; csum: string; ctime: number }>('didx');
    const writer = under.dynamic();
    vector.digests.forEach((digest, i) => {
      const start = vector.ends[i - 1] ?? 0;
      writer.append(start, fromHex(digest, 32), vector.ends[i]! - start);
    });
    assert.deepEqual(fs.readdirSync(under.directory), ['root.pxar.tmp_didx']);
    const closed = await writer.close({ count: 3, size: vector.ends[2]!, checksum: fromHex(vector.csum, 32) });
    assert.deepEqual(fs.readdirSync(under.directory), ['root.pxar.didx']);
    const bytes = fs.readFileSync(under.path('root.pxar.didx'));
    const index = parseIndex('root.pxar.didx', bytes, 'index');
    assert.equal(bytes.byteLength, 4216);
    assert.deepEqual([index.ctime, toHex(index.uuid)], [vector.ctime, toHex(closed.uuid)]);
    assert.equal(bytes.subarray(32, 64).toString('hex'), vector.csum);
    assert.equal(index.uuid[6]! >> 4, 4);
    assert.equal(fs.statSync(under.path('root.pxar.didx')).mode & 0o7777, 0o644);
    assert.equal(under.ended.length, 1);
  });

  it('holds many chunks', async () => {
    using under = setup();
    const many = Array.from({ length: 5000 }, (_, i) => piece(`m${i}`, i + 1));
    const writer = under.dynamic();
    appendAll(writer, many);
    const checksum = dynamicChecksum(asChunks(many));
    await writer.close({ count: 5000, size: sizeOf(many), checksum });
    const index = parseIndex('root.pxar.didx', fs.readFileSync(under.path('root.pxar.didx')), 'index');
    assert.deepEqual([index.count, toHex(index.checksum())], [5000, toHex(checksum)]);
  });

  it('refuses gaps, and claims that are not true', async () => {
    using under = setup();
    const first = under.dynamic();
    first.append(0, pieces[0]!.digest, 100);
    const gap = "dynamic writer 'root.pxar.didx' append chunk failed - got strange chunk offset (100 != 101)";
    assert.throws(() => first.append(101, pieces[1]!.digest, 7), says(gap));
    first.append(100, pieces[1]!.digest, 7);
    first.append(107, pieces[2]!.digest, 100);
    await first.close(claim);
    const wrong: [object, string][] = [
      [{ count: 2 }, 'close failed - unexpected chunk count (3 != 2)'],
      [{ size: 208 }, 'close failed - unexpected file size (207 != 208)'],
      [{ checksum: noise('c', 32) }, 'close failed - got unexpected checksum'],
    ];
    fs.rmSync(under.path('root.pxar.didx'));
    for (const [change, text] of wrong) {
      const writer = under.dynamic();
      appendAll(writer, pieces);
      await assert.rejects(writer.close({ ...claim, ...change }), says(`dynamic writer 'root.pxar.didx' ${text}`));
      assert.deepEqual(fs.readdirSync(under.directory), []);
      assert.throws(
        () => writer.append(207, pieces[0]!.digest, 1),
        says("dynamic writer 'root.pxar.didx' append chunk failed - already closed"),
      );
      await assert.rejects(writer.close(claim), /close failed - already closed/);
    }
    assert.deepEqual(
      under.ended.map((closed) => closed !== undefined),
      [true, false, false, false],
    );
  });

  it('may be opened twice; the last close wins', async () => {
    using under = setup();
    const [first, second] = [under.dynamic(), under.dynamic()];
    assert.deepEqual(fs.readdirSync(under.directory).sort(), ['root.pxar.tmp_didx', 'root.pxar.tmp_didx_1']);
    appendAll(first, pieces);
    appendAll(second, pieces.slice(1));
    await second.close({ count: 2, size: 107, checksum: dynamicChecksum(asChunks(pieces.slice(1))) });
    await first.close(claim);
    assert.equal(parseIndex('x.didx', fs.readFileSync(under.path('root.pxar.didx')), 'index').count, 3);
    assert.deepEqual(fs.readdirSync(under.directory), ['root.pxar.didx']);
  });

  it('leaves nothing when it is aborted or the disk is full', async () => {
    using under = setup();
    const aborted = under.dynamic();
    appendAll(aborted, pieces);
    aborted.abort();
    aborted.abort();
    assert.deepEqual(fs.readdirSync(under.directory), []);
    for (const point of ['index:write', 'index:before-fsync', 'index:after-fsync']) {
      const writer = under.dynamic();
      appendAll(writer, pieces);
      setFailpoint(point, 'ENOSPC');
      try {
        await assert.rejects(writer.close(claim), (error: GranaryError) => {
          assert.equal(error.code, 'io');
          assert.match(error.message, /index file ".*root\.pxar\.didx" failed: ENOSPC/);
          return true;
        });
      } finally {
        setFailpoint(point, undefined);
      }
      assert.deepEqual(fs.readdirSync(under.directory), []);
    }
  });
});

describe('fixed index writer', () => {
  const last = 12345;
  const pieces = [whole('a'), whole('b'), piece('c', last)];
  const size = sizeOf(pieces);
  const claim = { count: 3, size, checksum: fixedChecksum(asChunks(pieces)) };

  function appendAll(writer: FixedIndexWriter, order: readonly number[], list: readonly Piece[] = pieces): void {
    for (const i of order) writer.append(i * fixedChunkSize, list[i]!.digest, list[i]!.size);
  }

  it('writes the index of the vectors, in whatever order the chunks come', async () => {
    const vector = vectors<{ size: number; digests: string[]; csum: string; ctime: number }>('fidx');
    const list = vector.digests.map((digest, i) => ({
      digest: fromHex(digest, 32),
      size: Math.min(fixedChunkSize, vector.size - i * fixedChunkSize),
    }));
    for (const options of [{ size: vector.size }, {}]) {
      using under = setup();
      const writer = under.fixed(options);
      appendAll(writer, options.size === undefined ? [1, 0, 2] : [2, 0, 1], list);
      await writer.close({ count: 3, size: vector.size, checksum: fromHex(vector.csum, 32) });
      const bytes = fs.readFileSync(under.path('disk.img.fidx'));
      const index = parseFixedIndex(bytes, 'index');
      assert.deepEqual(
        [bytes.byteLength, index.size, index.chunkSize, index.ctime],
        [4192, vector.size, fixedChunkSize, vector.ctime],
      );
      assert.equal(bytes.subarray(32, 64).toString('hex'), vector.csum);
      assert.deepEqual(
        [0, 1, 2].map((i) => toHex(index.digestAt(i))),
        vector.digests,
      );
    }
  });

  it('refuses chunks at wrong places and of wrong length', () => {
    using under = setup();
    const writer = under.fixed({ size });
    const { digest } = pieces[0]!;
    const refused: [number, number, string][] = [
      [1, fixedChunkSize, 'got unaligned chunk (pos = 1)'],
      [2 * fixedChunkSize, last + 1, `chunk data exceeds size (${size + 1} >= ${size})`],
      [3 * fixedChunkSize, 1, `chunk data exceeds size (${3 * fixedChunkSize + 1} >= ${size})`],
      [0, 100, `chunk with unexpected length (100 != ${fixedChunkSize}`],
      [0, fixedChunkSize + 1, `chunk with unexpected length (${fixedChunkSize + 1} != ${fixedChunkSize}`],
    ];
    for (const [offset, length, text] of refused)
      assert.throws(() => writer.append(offset, digest, length), says(text));
    writer.append(2 * fixedChunkSize, digest, last);
    writer.abort();
    assert.deepEqual(fs.readdirSync(under.directory), []);
  });

  it('refuses claims that are not true', async () => {
    using under = setup();
    const wrong: [object, readonly number[], object, string][] = [
      [{ size }, [0, 1, 2], { count: 4 }, 'received wrong number of chunk (3 != 4)'],
      [{ size }, [0, 1], { count: 2 }, 'unexpected chunk count (3 != 2)'],
      [{ size }, [0, 1, 2], { size: 5 }, `unexpected file size (${size} != 5)`],
      [{}, [0, 1, 2], { size: 5 }, `unexpected size (${size} != 5)`],
      [{}, [], { count: 0, size: 0 }, 'unexpected chunk count (0 != 0)'],
      [{ size }, [0, 1, 2], { checksum: noise('c', 32) }, 'got unexpected checksum'],
      [{ size }, [0, 0, 2], {}, '1 chunks were never written'],
    ];
    for (const [options, order, change, text] of wrong) {
      const writer = under.fixed(options);
      appendAll(writer, order);
      const expected = says(`fixed writer 'disk.img.fidx' close failed - ${text}`);
      await assert.rejects(writer.close({ ...claim, ...change }), expected);
      assert.deepEqual(fs.readdirSync(under.directory), []);
    }
  });

  it('takes a repeated chunk for another append', async () => {
    using under = setup();
    const writer = under.fixed({ size });
    appendAll(writer, [0, 0, 1, 2]);
    await assert.rejects(writer.close(claim), /received wrong number of chunk \(4 != 3\)/);
  });

  it('grows while its size is not known, until the first short chunk', async () => {
    using under = setup();
    const writer = under.fixed();
    appendAll(writer, [0, 2].slice(0, 1));
    appendAll(writer, [1, 2]);
    assert.throws(
      () => writer.append(3 * fixedChunkSize, pieces[0]!.digest, fixedChunkSize),
      says(`refusing to resize from ${size} to ${4 * fixedChunkSize}`),
    );
    assert.throws(
      () => writer.append(0, pieces[0]!.digest, 5),
      says(`chunk with unexpected length (5 != ${fixedChunkSize}`),
    );
    assert.throws(() => under.fixed().append(2 ** 51, pieces[0]!.digest, 5), /refusing to resize/);
    await writer.close(claim);
  });

  it('refuses images of no or absurd size', () => {
    using under = setup();
    for (const absurd of [0, 2 ** 51]) assert.throws(() => under.fixed({ size: absurd }), /is not 1 to \d+ bytes/);
    assert.deepEqual(fs.readdirSync(under.directory), []);
  });

  it('starts from another index, and ignores the size that the client claims then', async () => {
    using under = setup();
    const base = under.fixed({ size });
    appendAll(base, [0, 1, 2]);
    await base.close(claim);
    const reuse = parseFixedIndex(fs.readFileSync(under.path('disk.img.fidx')), 'index');
    const unchanged = under.fixed({ size, reuse });
    await unchanged.close({ count: 0, size: 0, checksum: claim.checksum });
    const writer = under.fixed({ size, reuse });
    const changed = [pieces[0]!, whole('new'), pieces[2]!];
    writer.append(fixedChunkSize, changed[1]!.digest, fixedChunkSize);
    await writer.close({ count: 1, size: fixedChunkSize, checksum: fixedChecksum(asChunks(changed)) });
    const result = parseFixedIndex(fs.readFileSync(under.path('disk.img.fidx')), 'index');
    assert.deepEqual(
      [0, 1, 2].map((i) => toHex(result.digestAt(i))),
      changed.map(({ digest }) => toHex(digest)),
    );
  });
});
