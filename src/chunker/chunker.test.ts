import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { productFile, vectors as specified } from '../../test/support/golden.ts';
import { SharedArena } from '../base/shared-arena.ts';
import { type BoundaryScanner, StreamCutter } from './boundaries.ts';
import { BuzhashChunker, chunkAverages, chunkParameters } from './buzhash.ts';
import { buzhashTable } from './buzhash-table.ts';
import { findCuts, ScannerProgram, SimdScanner, scannerReserved, scannerThreads } from './simd-scanner.ts';

interface ChunkerVectors {
  counter_1MiB_avg64K: number[];
  xorshift_1MiB_avg64K: number[];
  xorshift_16MiB_avg512K: number[];
  xorshift_64MiB_avg4M: number[];
  zeros_40MiB_avg4M: number[];
  suggested_counter_1MiB_avg64K: { suggestions: number[]; ends: number[] };
  suggested_xorshift_1MiB_avg64K: { suggestions: number[]; ends: number[] };
  forced_xorshift_1MiB_avg64K: { injections_boundary_size: [number, number][]; index: [string, number, number][] };
}

const golden = specified<ChunkerVectors>('chunker');
const kib = 1024;
const mib = 1024 * kib;

function counter(length: number): Uint8Array {
  return new Uint8Array(Uint32Array.from({ length: length / 4 }, (_, i) => i).buffer);
}

function xorshift(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = 0x12345678;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Ends of the chunks, found by the reference; `pieces` are the lengths of successive calls. */
function referenceEnds(data: Uint8Array, average: number, pieces: readonly number[] = []): number[] {
  const chunker = new BuzhashChunker(average);
  const ends: number[] = [];
  let at = 0;
  for (let call = 0; at < data.length; call++) {
    const end = Math.min(data.length, at + (pieces[call % pieces.length] ?? data.length));
    while (at < end) {
      const cut = chunker.scan(data.subarray(at, end));
      if (cut === 0) break;
      at += cut;
      ends.push(at);
    }
    at = Math.max(at, end);
  }
  if (ends.at(-1) !== data.length && data.length > 0) ends.push(data.length);
  return ends;
}

/** The reference as a `BoundaryScanner` over data that is all there. */
class ReferenceScanner implements BoundaryScanner {
  readonly parameters;
  readonly #data: Uint8Array;
  readonly #chunker: BuzhashChunker;
  #start = 0;

  constructor(data: Uint8Array, average: number) {
    this.parameters = chunkParameters(average);
    this.#data = data;
    this.#chunker = new BuzhashChunker(average);
  }

  scan(from: number, to: number): number {
    const cut = this.#chunker.scan(this.#data.subarray(this.#start + from, this.#start + to));
    return cut === 0 ? 0 : from + cut;
  }

  next(length: number): void {
    this.#start += length;
    this.#chunker.reset();
  }
}

const arena = new SharedArena(65 * mib, scannerReserved);
const room = arena.tryAcquire(64 * mib + 4096)!;
const program = new ScannerProgram(arena.memory);

function simdScanner(data: Uint8Array, average: number, shift = 0): SimdScanner {
  room.bytes.set(data, shift);
  const scanner = new SimdScanner(program, average);
  scanner.address = room.offset + shift;
  return scanner;
}

/** Ends of the chunks; `pieces` are the lengths in which the data becomes known. */
function cutterEnds(
  scanner: BoundaryScanner,
  length: number,
  pieces: readonly number[] = [],
  suggestions: readonly number[] = [],
): number[] {
  const cutter = new StreamCutter(scanner);
  for (const offset of suggestions) cutter.suggest(offset);
  const ends: number[] = [];
  let known = 0;
  for (let call = 0; known < length; call++) {
    known = Math.min(length, known + (pieces[call % pieces.length] ?? length));
    while (cutter.next(known - cutter.base)) ends.push(cutter.base);
  }
  if (cutter.base < length) {
    cutter.end(length - cutter.base);
    ends.push(cutter.base);
  }
  return ends;
}

const otherProgram = new ScannerProgram(arena.memory, scannerThreads - 1);

/**
 * `cutterEnds` when most pieces, of which `pieces` are the lengths, were searched before by another thread's program,
 * which passed over `skipped` bytes behind each cut.
 */
function endsFoundAhead(
  data: Uint8Array,
  average: number,
  o: { pieces: readonly number[]; skipped: number; suggestions?: readonly number[] },
): number[] {
  const scanner = simdScanner(data, average);
  const cutter = new StreamCutter(scanner);
  for (const offset of o.suggestions ?? []) cutter.suggest(offset);
  const { mask } = scanner.parameters;
  const ends: number[] = [];
  for (let call = 0, known = 0; known < data.length; call++) {
    const from = room.offset + Math.max(known, cutter.base + scanner.first);
    known = Math.min(data.length, known + o.pieces[call % o.pieces.length]!);
    const to = Math.max(from, room.offset + known);
    // What the other thread sees grows while it works.
    let seen = from;
    const growing = (): number => {
      seen = Math.min(to, seen + 600_000);
      return seen;
    };
    const range = { from, to: call % 2 === 0 ? growing : () => to };
    if (call % 4 !== 2) scanner.learn(findCuts(otherProgram, range, mask, o.skipped));
    while (cutter.next(known - cutter.base)) ends.push(cutter.base);
  }
  return cutter.base < data.length ? [...ends, data.length] : ends;
}

/** The last 64 bytes in front of a cut, again and again: a cut every 64 bytes, if it were not for the minimum. */
function manyCuts(length: number, average: number): Uint8Array {
  const data = xorshift(64 * average);
  const cut = referenceEnds(data, average).find((end, i, ends) => end - (ends[i - 1] ?? 0) < 4 * average)!;
  return Uint8Array.from({ length }, (_, i) => data[cut - 64 + (i % 64)]!);
}

test('the table is the one of the format', () => {
  const bytes = Buffer.alloc(1024);
  buzhashTable.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 4);
  });
  const sum = createHash('sha256').update(bytes).digest('hex');
  assert.equal(sum, '5b52080d38287da9d2e278466e3e0db7ec98e5e8b226f50612a56fa012b1f660');
  assert.throws(() => chunkParameters(100_000), { code: 'bad-request' });
});

const vectors: [string, Uint8Array, number, number[]][] = [
  ['counter 1 MiB', counter(mib), 64 * kib, golden.counter_1MiB_avg64K],
  ['xorshift 1 MiB', xorshift(mib), 64 * kib, golden.xorshift_1MiB_avg64K],
  ['xorshift 16 MiB', xorshift(16 * mib), 512 * kib, golden.xorshift_16MiB_avg512K],
  ['xorshift 64 MiB', xorshift(64 * mib), 4 * mib, golden.xorshift_64MiB_avg4M],
  ['zeros 40 MiB', new Uint8Array(40 * mib), 4 * mib, golden.zeros_40MiB_avg4M],
];

for (const [name, data, average, ends] of vectors) {
  test(`vector ${name}: SIMD`, () => {
    assert.deepEqual(cutterEnds(simdScanner(data, average), data.length), ends);
    assert.deepEqual(cutterEnds(simdScanner(data, average, 5), data.length, [mib]), ends);
  });
  if (data.length <= 16 * mib) {
    test(`vector ${name}: reference`, () => assert.deepEqual(referenceEnds(data, average), ends));
  }
}

test('an archive of the original product is cut at the same places', () => {
  const part = (name: string): Buffer => productFile(`chunker/${name}.bin`);
  const keystream = createCipheriv('aes-256-ctr', new Uint8Array(32), new Uint8Array(16)).update(
    Buffer.alloc(64 * mib),
  );
  const zeros = Buffer.alloc(40 * mib);
  const archive = Buffer.concat([part('part0-head'), keystream, part('part2-middle'), zeros, part('part4-tail')]);
  const sum = createHash('sha256').update(archive).digest('hex');
  assert.equal(sum, '61505ed32b98a620d070652bb49e5e0563dbb6b557d5ebff03ba09e58bb8050f');
  const ends = (name: string): number[] =>
    productFile(`chunker/${name}.boundaries.txt`)
      .toString()
      .trim()
      .split('\n')
      .map((line) => Number.parseInt(line, 10));
  const memory = new SharedArena(archive.length, scannerReserved);
  const whole = memory.tryAcquire(archive.length)!;
  whole.bytes.set(archive);
  for (const [average, name] of [
    [4 * mib, 'stream'],
    [64 * kib, 'small'],
  ] as const) {
    const scanner = new SimdScanner(new ScannerProgram(memory.memory), average);
    scanner.address = whole.offset;
    assert.deepEqual(cutterEnds(scanner, archive.length, [3 * mib + 17]), ends(name));
  }
});

test('however the stream is split, and whatever it holds, both chunkers cut alike', () => {
  const run = fc.tuple(
    fc.integer({ min: 1, max: 300_000 }),
    fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 255 })),
  );
  const noise = xorshift(2 * mib);
  fc.assert(
    fc.property(
      fc.array(run, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...chunkAverages.slice(0, 3)),
      (runs, pieces, average) => {
        const data = Buffer.concat(
          runs.map(([length, value], i) =>
            value < 0 ? noise.subarray(i * 1000, i * 1000 + length) : Buffer.alloc(length, value),
          ),
        );
        const expected = referenceEnds(data, average);
        assert.deepEqual(referenceEnds(data, average, pieces), expected);
        assert.deepEqual(cutterEnds(simdScanner(data, average), data.length, pieces), expected);
        const { first } = simdScanner(data, average);
        for (const skipped of [0, first, first * 5]) {
          assert.deepEqual(endsFoundAhead(data, average, { pieces, skipped }), expected);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('data with more cuts than are told is cut alike', () => {
  const average = 64 * kib;
  const data = manyCuts(mib, average);
  room.bytes.set(data);
  const { mask } = chunkParameters(average);
  const to = room.offset + data.length;
  const found = findCuts(otherProgram, { from: room.offset + 64, to: () => to }, mask);
  assert.ok(found.cuts.length > 10 && found.to < to, `${found.cuts.length} cuts`);
  const expected = referenceEnds(data, average);
  assert.ok(expected.length > 50);
  for (const skipped of [0, 1000]) {
    assert.deepEqual(endsFoundAhead(data, average, { pieces: [300_000], skipped }), expected);
  }
});

for (const [name, data] of [
  ['suggested_counter_1MiB_avg64K', counter(mib)],
  ['suggested_xorshift_1MiB_avg64K', xorshift(mib)],
] as const) {
  test(`vector ${name}`, () => {
    for (const scanner of [new ReferenceScanner(data, 64 * kib), simdScanner(data, 64 * kib)]) {
      const cutter = new StreamCutter(scanner);
      for (const offset of golden[name].suggestions) cutter.suggest(offset);
      const ends: number[] = [];
      while (cutter.next(mib - cutter.base)) ends.push(cutter.base);
      if (cutter.base < mib) ends.push(mib);
      assert.deepEqual(ends, golden[name].ends);
    }
    const { suggestions } = golden[name];
    for (const pieces of [[mib], [10_000], [70_000, 200_000]]) {
      const expected = cutterEnds(new ReferenceScanner(data, 64 * kib), mib, pieces, suggestions);
      const found = endsFoundAhead(data, 64 * kib, { pieces, skipped: 16 * kib - 1, suggestions });
      assert.deepEqual(found, expected);
    }
  });
}

test('vector forced_xorshift_1MiB_avg64K', () => {
  const { injections_boundary_size: injections, index: expected } = golden.forced_xorshift_1MiB_avg64K;
  const data = xorshift(mib);
  for (const scanner of [new ReferenceScanner(data, 64 * kib), simdScanner(data, 64 * kib)]) {
    const cutter = new StreamCutter<number>(scanner);
    for (const [boundary, size] of injections) cutter.inject(boundary, size, size);
    const index: [string, number, number][] = [];
    let taken = 0;
    let at = 0;
    const piece = (length: number): void => {
      if (length > 0) index.push(['raw', at, at + length]);
      at += length;
      taken += length;
    };
    for (let cut = cutter.next(mib); cut; cut = cutter.next(mib - taken)) {
      piece(cut.length);
      if (cut.injected) index.push(['injected', at, at + cut.injected]);
      at += cut.injected ?? 0;
      assert.equal(cutter.base, at);
    }
    piece(mib - taken);
    assert.deepEqual(index, expected);
  }
});

test('an injection behind the current position is refused', () => {
  const cutter = new StreamCutter<string>(new ReferenceScanner(counter(mib), 64 * kib));
  cutter.inject(100, 50, 'a');
  assert.throws(() => cutter.inject(149, 1, 'b'), { code: 'internal' });
  cutter.inject(150, 1, 'b');
});

test('zero blocks are recognised', () => {
  room.bytes.fill(0, 0, mib);
  assert.equal(program.isZero(room.offset, mib), true);
  for (const at of [0, 63, 64, mib - 1]) {
    room.bytes[at] = 1;
    assert.equal(program.isZero(room.offset, mib), false);
    room.bytes[at] = 0;
  }
});
