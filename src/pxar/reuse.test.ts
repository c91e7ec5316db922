// Payload reuse: the worked numbers, the rules one by one, and random histories whose new payload has to hold
// what the references say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { vectors } from '../../test/support/golden.ts';
import { type PayloadIndex, type ReuseAction, ReusePlanner, sameForReuse } from './reuse.ts';
import { noAcl, type PxarMetadata } from './types.ts';

class Index implements PayloadIndex {
  readonly ends: number[];

  constructor(ends: number[]) {
    this.ends = ends;
  }

  get size(): number {
    return this.ends.at(-1) ?? 0;
  }

  startOf(i: number): number {
    return i === 0 ? 0 : this.ends[i - 1]!;
  }

  endOf(i: number): number {
    return this.ends[i]!;
  }

  find(offset: number): number {
    if (offset < 0 || offset >= this.size) throw new RangeError(`${offset}`);
    return this.ends.findIndex((end) => end > offset);
  }

  digestAt(i: number): Uint8Array {
    return Uint8Array.of(i & 0xff, i >> 8);
  }
}

const chunkNumber = (digest: Uint8Array) => digest[0]! + digest[1]! * 256;

/** Carries actions out as an archiver would, and notes what happened. */
class Run {
  position = 16;
  readonly log: string[] = [];
  readonly planner: ReusePlanner<string>;
  readonly #sizes: Record<string, number>;

  constructor(index: PayloadIndex, sizes: Record<string, number>, limit?: number) {
    this.#sizes = sizes;
    this.planner = new ReusePlanner<string>({ index, position: () => this.position, ...(limit && { limit }) });
  }

  do(actions: Generator<ReuseAction<string>>): void {
    for (const action of actions) {
      if (action.kind === 'inject') {
        assert.equal(action.boundary, this.position);
        assert.equal(
          action.chunks.reduce((sum, chunk) => sum + chunk.size, 0),
          action.size,
        );
        this.log.push(`inject ${action.chunks.map((chunk) => chunk.size).join('+')} at ${action.boundary}`);
        this.position += action.size;
      } else if (action.kind === 'reference') {
        this.log.push(`${action.entry} -> ${action.payloadOffset}`);
      } else {
        this.log.push(action.entry);
        const size = this.#sizes[action.entry];
        if (size !== undefined) this.position += 16 + size;
      }
    }
  }
}

interface Vector {
  previous_index_ends: number[];
  previous_refs: Record<string, [number, number]>;
  new_refs: Record<string, [number, number]>;
  injections: { boundary: number; sizes: number[] }[];
}
const golden = vectors<Vector>('payload_reuse');
const refs = golden.previous_refs;
const sizes = Object.fromEntries(Object.entries(refs).map(([name, [, size]]) => [name, size]));
const goldenIndex = new Index(golden.previous_index_ends);

test('the worked numbers: one file deleted between others', () => {
  const run = new Run(goldenIndex, sizes);
  for (const name of ['A', 'B', 'C']) run.do(run.planner.file(name, refs[name]![1], refs[name]![0]));
  run.do(run.planner.finish());
  const [first, second] = golden.injections;
  assert.deepEqual(run.log, [
    `A -> ${golden.new_refs['A']![0]}`,
    `B -> ${golden.new_refs['B']![0]}`,
    `inject ${first!.sizes.join('+')} at ${first!.boundary}`,
    `C -> ${golden.new_refs['C']![0]}`,
    `inject ${second!.sizes.join('+')} at ${second!.boundary}`,
  ]);
  assert.equal(run.position, 312_096);
});

test('the worked numbers: the last file changed as well', () => {
  const run = new Run(goldenIndex, sizes);
  for (const name of ['A', 'B']) run.do(run.planner.file(name, refs[name]![1], refs[name]![0]));
  run.do(run.planner.file('C', sizes['C']!));
  run.do(run.planner.finish());
  assert.deepEqual(run.log, ['A -> 32', 'B -> 60048', 'inject 100000+15000 at 16', 'C']);
  assert.equal(run.position, 115_016 + 16 + 200_000);
});

test('too much padding: everything is written again', () => {
  const run = new Run(new Index([100_000, 200_000]), { A: 1000 });
  run.do(run.planner.file('A', 1000, 16));
  run.do(run.planner.finish());
  assert.deepEqual(run.log, ['A']);
});

test('exactly a tenth of padding is still reused', () => {
  // 16 bytes in front, 84 behind, 900 in use.
  for (const [used, reused] of [
    [900, true],
    [899, false],
  ] as const) {
    const run = new Run(new Index([16 + used + 84, 2000]), { A: used - 16 });
    run.do(run.planner.file('A', used - 16, 16));
    run.do(run.planner.finish());
    assert.equal(run.log[0] === 'A -> 32', reused);
  }
});

test('other entries wait for the files before them, and the order stays', () => {
  const run = new Run(goldenIndex, sizes);
  run.do(run.planner.other('dir/'));
  run.do(run.planner.file('A', 60_000, 16));
  run.do(run.planner.other('link'));
  run.do(run.planner.hardLink('hard'));
  run.do(run.planner.endDirectory('/dir'));
  assert.deepEqual(run.log, ['dir/']);
  run.do(run.planner.file('B', 50_000, 60_032));
  run.do(run.planner.finish());
  assert.deepEqual(run.log, ['dir/', 'A -> 32', 'link', 'hard', '/dir', 'B -> 60048', 'inject 100000+15000 at 16']);
});

test('a full cache is flushed, and its last chunk waits for the file that continues', () => {
  const run = new Run(goldenIndex, sizes, 1);
  run.do(run.planner.file('A', 60_000, 16));
  run.do(run.planner.file('B', 50_000, 60_032));
  run.do(run.planner.finish());
  // The first range alone would leave too much of its chunk unused.
  assert.deepEqual(run.log, ['A', 'B']);
  const tight = new Run(new Index([50, 150, 250, 400]), { A: 100, B: 80, C: 90 }, 1);
  tight.do(tight.planner.file('A', 212, 16));
  tight.do(tight.planner.other('link'));
  assert.deepEqual(tight.log, ['A -> 32', 'inject 50+100 at 16', 'inject 100 at 166', 'link']);
});

test('offsets that do not increase, or reach beyond the previous stream, are not reused', () => {
  const run = new Run(goldenIndex, { A: 60_000, B: 50_000, Z: 1 });
  run.do(run.planner.file('B', 50_000, 60_032));
  run.do(run.planner.file('A', 60_000, 16));
  run.do(run.planner.file('Z', 312_080, 16));
  run.do(run.planner.file('Z', 2 ** 50, 200_000));
  run.do(run.planner.file('Z', 10, 0));
  run.do(run.planner.finish());
  assert.ok(run.log.includes('A') && run.log.filter((line) => line === 'Z').length === 3);
});

test('long lists are injected in groups of at most 128', () => {
  const ends = Array.from({ length: 300 }, (_, i) => (i + 1) * 100);
  const run = new Run(new Index(ends), {});
  run.do(run.planner.file('A', 29_000, 16));
  run.do(run.planner.finish());
  const injected = run.log.filter((line) => line.startsWith('inject')).map((line) => line.split('+').length);
  assert.deepEqual(injected, [128, 128, 35]);
});

interface OldFile {
  size: number;
  /** Unreferenced bytes behind it in the previous payload. */
  gap: number;
  fate: 'same' | 'changed' | 'removed';
  /** What comes behind it in the walk. */
  next: 'nothing' | 'link' | 'hard' | 'new';
}
const history = fc.record({
  files: fc.array(
    fc.record<OldFile>({
      size: fc.nat(500),
      gap: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
      fate: fc.constantFrom(...Array<'same'>(9).fill('same'), 'changed', 'removed'),
      next: fc.constantFrom('nothing', 'nothing', 'nothing', 'link', 'hard', 'new'),
    }),
    { maxLength: 40 },
  ),
  chunks: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }),
  limit: fc.integer({ min: 1, max: 12 }),
});

test('whatever happened to the tree, the new payload holds what the references say', () => {
  let references = 0;
  fc.assert(
    fc.property(history, ({ files, chunks, limit }) => {
      // The previous payload, one number per byte: file number and index within the file, or rubbish.
      const previous: number[] = Array.from({ length: 16 }, () => -1);
      const offsets = files.map(({ size, gap }, file) => {
        const offset = previous.length;
        for (let i = 0; i < size + 16; i++) previous.push(file * 1000 + i);
        for (let i = 0; i < gap; i++) previous.push(-2);
        return offset;
      });
      for (let i = 0; i < 16; i++) previous.push(-3);
      const ends: number[] = [];
      for (let at = 0; at < previous.length; ) {
        at = Math.min(previous.length, at + chunks[ends.length % chunks.length]!);
        ends.push(at);
      }
      const index = new Index(ends);
      const payload: number[] = Array.from({ length: 16 }, () => -1);
      const planner = new ReusePlanner<{ name: string; file?: number; size?: number }>({
        index,
        position: () => payload.length,
        limit,
      });
      const order: string[] = [];
      let last = 0;
      const placed: [number, number][] = [];
      const perform = (actions: ReturnType<typeof planner.finish>) => {
        for (const action of actions) {
          if (action.kind === 'inject') {
            assert.equal(action.boundary, payload.length);
            for (const { digest, size } of action.chunks) {
              const chunk = chunkNumber(digest);
              assert.equal(index.endOf(chunk) - index.startOf(chunk), size);
              payload.push(...previous.slice(index.startOf(chunk), index.endOf(chunk)));
            }
            continue;
          }
          order.push(action.entry.name);
          if (action.kind === 'reference') {
            references++;
            assert.ok(action.payloadOffset > last, 'offsets increase');
            last = action.payloadOffset;
            placed.push([action.payloadOffset, action.entry.file!]);
          } else if (action.entry.size !== undefined) {
            assert.ok(payload.length > last, 'offsets increase');
            last = payload.length;
            for (let i = 0; i < action.entry.size + 16; i++) payload.push(-4);
          }
        }
      };
      const expected: string[] = [];
      for (const [file, { size, fate, next }] of files.entries()) {
        if (fate !== 'removed') {
          expected.push(`file ${file}`);
          perform(
            planner.file({ name: `file ${file}`, file, size }, size, fate === 'same' ? offsets[file] : undefined),
          );
        }
        if (next === 'nothing') continue;
        const name = `${next} ${file}`;
        expected.push(name);
        if (next === 'link') perform(planner.other({ name }));
        if (next === 'hard') perform(planner.hardLink({ name }));
        if (next === 'new') perform(planner.file({ name, size: 20 }, 20));
      }
      perform(planner.finish());
      assert.deepEqual(order, expected);
      for (const [offset, file] of placed) {
        const size = files[file]!.size + 16;
        for (let i = 0; i < size; i++) assert.equal(payload[offset + i], file * 1000 + i);
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(references > 500, `${references} references`);
});

test('metadata is compared as the rule says: of extended attributes only the names', () => {
  const base: PxarMetadata = {
    mode: 0o100644,
    flags: 0n,
    uid: 1,
    gid: 2,
    mtime: { seconds: 3n, nanos: 4 },
    xattrs: [{ name: Buffer.from('user.a'), value: Buffer.from('1') }],
    acl: { ...noAcl, users: [{ id: 5, permissions: 6 }], groupObject: 4, default: { userObject: 7 } },
    fcaps: Buffer.from('c'),
    projectId: 6n,
  };
  assert.ok(sameForReuse(base, structuredClone(base)));
  assert.ok(sameForReuse(base, { ...base, xattrs: [{ name: Buffer.from('user.a'), value: Buffer.from('2') }] }));
  const others: Partial<PxarMetadata>[] = [
    { mode: 0o100600 },
    { flags: 1n },
    { uid: 9 },
    { gid: 9 },
    { mtime: { seconds: 9n, nanos: 4 } },
    { mtime: { seconds: 3n, nanos: 5 } },
    { xattrs: [] },
    { xattrs: [{ name: Buffer.from('user.b'), value: Buffer.from('1') }] },
    { acl: noAcl },
    { acl: { ...base.acl, users: [{ id: 5, permissions: 7 }] } },
    { acl: { ...base.acl, groupObject: undefined } },
    { acl: { ...base.acl, default: { userObject: 6 } } },
    { fcaps: undefined },
    { fcaps: Buffer.from('d') },
    { projectId: undefined },
  ];
  for (const other of others) assert.ok(!sameForReuse(base, { ...base, ...other }), JSON.stringify(Object.keys(other)));
});
