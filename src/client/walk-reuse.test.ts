// Metadata mode over several generations: what is restored from an archive with reused chunks has to be what a
// full archive of the same tree restores, and unchanged files must not be read again.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildRichTree, describeTree, temporaryDirectory } from '../../test/support/tree.ts';
import { MemoryReadAt, MemorySink } from '../base/io.ts';
import { PxarAccessor } from '../pxar/accessor.ts';
import type { ReusedChunk } from '../pxar/reuse.ts';
import { extractArchive } from './extract.ts';
import { type ArchiveSummary, archiveTree, type PayloadSink, type PreviousArchive } from './walk.ts';

const store = new Map<string, Uint8Array>();

/** A payload stream cut into chunks of about 20 kB, with injected chunks of earlier streams. */
class ChunkedPayload extends MemorySink implements PayloadSink {
  readonly chunks: { digest: Uint8Array; end: number }[] = [];
  injected = 0;
  #cut = 0;

  get end(): number {
    return this.chunks.at(-1)?.end ?? 0;
  }

  suggest(offset: number): void {
    assert.equal(offset, this.position + this.injected);
    if (this.position - this.#cut >= 20_000) this.cut();
  }

  inject(boundary: number, chunks: readonly ReusedChunk[]): void {
    this.cut();
    assert.equal(boundary, this.end);
    for (const { digest, size } of chunks) {
      this.chunks.push({ digest, end: this.end + size });
      assert.equal(store.get(Buffer.from(digest).toString('hex'))?.byteLength, size);
      this.injected += size;
    }
  }

  cut(): void {
    for (let at = this.#cut; at < this.position; at += 50_000) {
      const bytes = this.bytes().slice(at, Math.min(at + 50_000, this.position));
      const digest = createHash('sha256').update(bytes).digest();
      store.set(digest.toString('hex'), bytes);
      this.chunks.push({ digest, end: this.end + bytes.byteLength });
    }
    this.#cut = this.position;
  }

  index(): PreviousArchive['payloadIndex'] {
    const { chunks } = this;
    const startOf = (i: number) => (i === 0 ? 0 : chunks[i - 1]!.end);
    return {
      size: this.end,
      startOf,
      endOf: (i) => chunks[i]!.end,
      digestAt: (i) => chunks[i]!.digest,
      find(offset) {
        if (offset < 0 || offset >= chunks.at(-1)!.end) throw new RangeError(`${offset}`);
        return chunks.findIndex(({ end }) => end > offset);
      },
    };
  }

  async *content(): AsyncGenerator<Uint8Array> {
    for (const { digest } of this.chunks) yield store.get(Buffer.from(digest).toString('hex'))!;
  }
}

interface Generation extends ArchiveSummary {
  metadata: Uint8Array;
  payload: ChunkedPayload;
}

async function backup(tree: string, previous?: Generation, pendingMax?: number): Promise<Generation> {
  const archive = new MemorySink();
  const payload = new ChunkedPayload();
  const summary = await archiveTree(tree, {
    archive,
    payload,
    previous: previous && {
      metadata: await PxarAccessor.open({ archive: new MemoryReadAt(previous.metadata) }),
      payloadIndex: previous.payload.index(),
      pendingMax,
    },
    onWarning: (path, text) => assert.fail(`${path}: ${text}`),
  });
  payload.cut();
  return { ...summary, metadata: archive.bytes().slice(), payload };
}

async function restore(generation: Generation, target: string): Promise<void> {
  const archive = (async function* () {
    yield generation.metadata;
  })();
  const summary = await extractArchive({ archive, payload: generation.payload.content() }, target);
  assert.deepEqual([summary.errors, summary.notRestored], [[], []]);
}

describe('metadata mode', () => {
  for (const pendingMax of [undefined, 3, 1]) {
    it(`restores the same as a full archive, generation after generation (${pendingMax ?? 'default'} pending)`, async (t) => {
      const dir = temporaryDirectory(t);
      const tree = join(dir, 'tree');
      fs.mkdirSync(tree);
      buildRichTree(tree);
      fs.mkdirSync(join(tree, 'many'));
      for (let i = 0; i < 300; i++) fs.writeFileSync(join(tree, `many/f${i}`), randomBytes((i * 37) % 9000));
      for (let i = 0; i < 20; i++) fs.writeFileSync(join(tree, `big${i}`), randomBytes(150_000));
      let last = await backup(tree);
      assert.equal(last.reusedFiles, 0);

      const same = await backup(tree, last, pendingMax);
      // With few entries pending the ranges are too short to be worth their chunks.
      const isPatient = pendingMax === undefined;
      if (isPatient) {
        assert.equal(same.reusedFiles, same.files);
        assert.ok(same.payload.position <= 32, `${same.payload.position} bytes written again`);
      }
      last = same;

      for (let step = 0; step < 4; step++) {
        const change = (name: string) => fs.appendFileSync(join(tree, name), `changed in ${step}`);
        change(`big${step * 3}`);
        change(`many/f${step * 50 + 7}`);
        fs.rmSync(join(tree, `many/f${step * 50 + 20}`));
        fs.writeFileSync(join(tree, `many/new${step}`), randomBytes(3000));
        fs.renameSync(join(tree, `big${step * 3 + 1}`), join(tree, `zz-moved${step}`));
        last = await backup(tree, last, pendingMax);
        if (isPatient) assert.ok(last.reusedFiles > last.files / 2, `${last.reusedFiles} of ${last.files} reused`);
        if (isPatient) assert.ok(last.payload.position < 1_500_000, `${last.payload.position} bytes written again`);
        await restore(last, join(dir, `restored${step}`));
        assert.deepEqual(describeTree(join(dir, `restored${step}`)), describeTree(tree));
        for (const name of ['many', '.']) {
          const a = fs.readdirSync(join(tree, name)).length;
          assert.equal(fs.readdirSync(join(dir, `restored${step}`, name)).length, a);
        }
      }
    });
  }

  it('reads a file again when any of its metadata changed', async (t) => {
    const tree = temporaryDirectory(t);
    for (const name of ['a', 'b', 'c', 'd']) fs.writeFileSync(join(tree, name), Buffer.alloc(100_000, name));
    const first = await backup(tree);
    fs.chmodSync(join(tree, 'a'), 0o600);
    fs.utimesSync(join(tree, 'b'), 5, 6);
    fs.rmSync(join(tree, 'c'));
    fs.mkdirSync(join(tree, 'c'));
    const second = await backup(tree, first);
    assert.deepEqual([second.files, second.reusedFiles], [3, 1]);
  });

  it('ends the reuse, not the backup, when the previous archive is damaged', async (t) => {
    const tree = temporaryDirectory(t);
    for (const name of ['a', 'b', 'c']) fs.writeFileSync(join(tree, name), name);
    const first = await backup(tree);
    const damaged = Buffer.from(first.metadata);
    // The second child's FILENAME item gets an impossible size.
    const item = Buffer.from('b317390621117016', 'hex');
    damaged.writeBigUInt64LE(3n, damaged.indexOf(item, damaged.indexOf(item) + 1) + 8);
    const warnings: string[] = [];
    const payload = new ChunkedPayload();
    const archive = new MemorySink();
    const summary = await archiveTree(tree, {
      archive,
      payload,
      previous: {
        metadata: await PxarAccessor.open({ archive: new MemoryReadAt(damaged) }),
        payloadIndex: first.payload.index(),
      },
      onWarning: (_, text) => warnings.push(text),
    });
    assert.equal(summary.files, 3);
    assert.ok(summary.reusedFiles < 3);
    assert.match(warnings.join(), /^the previous archive cannot be read, files are read instead of reused: /);
  });

  it('closes waiting files when it is cancelled', async (t) => {
    const tree = temporaryDirectory(t);
    for (let i = 0; i < 50; i++) fs.writeFileSync(join(tree, `f${i}`), `${i}`);
    const first = await backup(tree);
    const before = fs.readdirSync('/proc/self/fd').length;
    const payload = Object.assign(new ChunkedPayload(), {
      inject: () => {
        throw new Error('connection lost');
      },
    });
    const archive = new MemorySink();
    const previous = {
      metadata: await PxarAccessor.open({ archive: new MemoryReadAt(first.metadata) }),
      payloadIndex: first.payload.index(),
    };
    await assert.rejects(archiveTree(tree, { archive, payload, previous }), /connection lost/);
    fs.writeFileSync(join(tree, 'f51'), '');
    await assert.rejects(archiveTree(tree, { archive, payload, previous, entriesMax: 3 }), /more than 3 entries/);
    assert.equal(fs.readdirSync('/proc/self/fd').length, before);
  });
});
