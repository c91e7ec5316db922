import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeU64 } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { IndexWriter } from './index-writer.ts';
import type { IndexEntry, IndexHandle } from './writer.ts';

const size = 4 * 1024 * 1024;
const digest = (i: number): Uint8Array => new Uint8Array(createHash('sha256').update(String(i)).digest());

/** Batches that stay under way until `answer` is called. */
class Server {
  readonly batches: (readonly IndexEntry[])[] = [];
  readonly waiting: ((error?: Error) => void)[] = [];
  most = 0;

  append(_index: IndexHandle, entries: readonly IndexEntry[]): Promise<void> {
    this.batches.push(entries);
    return new Promise((resolve, reject) => {
      this.waiting.push((error) => (error ? reject(error) : resolve()));
      this.most = Math.max(this.most, this.waiting.length);
    });
  }

  /** Answers the newest batch first. */
  answer(): void {
    this.waiting.pop()?.();
  }
}

for (const [kind, anyOrder, most] of [
  ['dynamic', false, 8],
  ['fixed', false, 1],
  ['fixed', true, 8],
] as const) {
  test(`${kind}${anyOrder ? ' of known size' : ''}: at most ${most} at once, and every entry is named once`, async () => {
    const server = new Server();
    const writer = new IndexWriter(server, { kind, wid: 1, anyOrder });
    const count = 64 * 11 + 3;
    for (let i = 0; i < count; i++) writer.addKnown(size, digest(i));
    let done = false;
    const finished = writer.finish().finally(() => {
      done = true;
    });
    while (!done) {
      server.answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(server.most, most);
    assert.deepEqual(
      server.batches.map((batch) => batch.length),
      [...new Array(11).fill(64), 3],
    );
    const expected = Array.from({ length: count }, (_, i) => ({ offset: i * size, digest: digest(i) }));
    assert.deepEqual(server.batches.flat(), expected);
    const hash = createHash('sha256');
    for (const { offset, digest: one } of expected) {
      const end = new Uint8Array(8);
      writeU64(end, 0, offset + size);
      if (kind === 'dynamic') hash.update(end);
      hash.update(one);
    }
    assert.deepEqual(await finished, { chunkCount: count, size: count * size, csum: new Uint8Array(hash.digest()) });
  });
}

/** A dynamic index that works on the batches it has in any order. */
class UnorderedServer extends Server {
  end = 0;
  readonly named: IndexEntry[] = [];
  refusals = 0;
  readonly #random: (below: number) => number;

  constructor(random: (below: number) => number) {
    super();
    this.#random = random;
  }

  override answer(): void {
    const at = this.#random(this.waiting.length);
    const [batch] = this.batches.splice(at, 1);
    const [settle] = this.waiting.splice(at, 1);
    if (!batch || !settle) return;
    if (batch[0]!.offset !== this.end) {
      this.refusals++;
      settle(new GranaryError('bad-request', `append chunk failed - got strange chunk offset (${this.end} != ...)`));
      return;
    }
    this.named.push(...batch);
    this.end += batch.length * size;
    settle();
  }
}

test('a server that takes up batches in any order gets them once more, and in the end all of them in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 64 * 20 }), fc.infiniteStream(fc.nat(7)), async (count, choices) => {
      const server = new UnorderedServer((below) => Number(choices.next().value) % Math.max(1, below));
      const writer = new IndexWriter(server, { kind: 'dynamic', wid: 1, anyOrder: false });
      for (let i = 0; i < count; i++) writer.addKnown(size, digest(i));
      let done = false;
      const finished = writer.finish().finally(() => {
        done = true;
      });
      while (!done) {
        server.answer();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await finished).chunkCount, count);
      assert.deepEqual(
        server.named,
        Array.from({ length: count }, (_, i) => ({ offset: i * size, digest: digest(i) })),
      );
      assert.ok(server.refusals <= 7, `${server.refusals} refusals: one after the other from the first on`);
    }),
    { numRuns: 30 },
  );
});

test('an offset that is refused although nothing else is under way ends it', async () => {
  const server = new Server();
  const writer = new IndexWriter(server, { kind: 'dynamic', wid: 1, anyOrder: false });
  for (let i = 0; i < 64 * 2; i++) writer.addKnown(size, digest(i));
  const finished = writer.finish();
  const refused = new GranaryError('bad-request', 'append chunk failed - got strange chunk offset (7 != 0)');
  for (const settle of server.waiting) settle(refused);
  await assert.rejects(finished, /strange chunk offset \(7 != 0\)/);
  assert.equal(server.batches.length, 2);
});

test('one batch that fails ends it, whichever it is', async () => {
  const server = new Server();
  const writer = new IndexWriter(server, { kind: 'fixed', wid: 1, anyOrder: true });
  for (let i = 0; i < 64 * 12; i++) writer.addKnown(size, digest(i));
  const finished = writer.finish();
  server.waiting.splice(3, 1)[0]!(new GranaryError('bad-request', 'no such chunk'));
  await assert.rejects(finished, /no such chunk/);
  assert.equal(writer.failed, true);
  while (server.waiting.length > 0) {
    server.answer();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(server.batches.length, 8, 'nothing more is named');
});
