// The chunks of one index after the other, each looked at once in a run: in windows, so that memory stays bounded,
// in the order that the storage likes, many at a time in worker threads.

import { toHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkCheck, ChunkExpectation, ChunkStore } from '../chunk-store/contract.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';

const windowSize = 16384;
/** What a worker thread is given at once. */
const batchSize = 8;
/** Threads that a step keeps busy; of more than one step under way the next is ready when one is done. */
const threadsPerStep = 4;
const mebibyte = 1024 * 1024;

/** What was done for one index. */
interface Tally {
  readBytes: number;
  decodedBytes: number;
  errors: number;
}

export class ChunkVerifier {
  readonly #chunks: ChunkStore;
  readonly #log: (line: string) => void;
  readonly #signal: AbortSignal | undefined;
  /** Content lengths of chunks found sound, apart by kind: a chunk of the wrong kind is not sound. */
  readonly #sound = { plain: new DigestMap(), encrypted: new DigestMap() };
  readonly #corrupt = new DigestMap();
  readonly #stepSize: number;
  readonly #stepsAtOnce: number;

  /** `threads` is how many chunks are read and verified at the same time, as far as there are threads for it. */
  constructor(
    chunks: ChunkStore,
    { log, threads, signal }: { log: (line: string) => void; threads: number; signal?: AbortSignal | undefined },
  ) {
    this.#chunks = chunks;
    this.#log = log;
    this.#signal = signal;
    this.#stepSize = batchSize * Math.min(threads, threadsPerStep);
    this.#stepsAtOnce = threads < threadsPerStep ? 1 : 1 + Math.ceil(threads / threadsPerStep);
  }

  /** Verifies all chunks of an index and logs the result; true when none is wrong. */
  async verify(index: ChunkIndex, encrypted: boolean): Promise<boolean> {
    const started = performance.now();
    const tally: Tally = { readBytes: 0, decodedBytes: 0, errors: 0 };
    for (let at = 0; at < index.count; at += windowSize) {
      await this.#verifyWindow(this.#toDo(index, at, encrypted, tally), tally);
    }
    const seconds = Math.max((performance.now() - started) / 1000, 0.001);
    const both = (divisor: number): string =>
      `${(tally.readBytes / mebibyte / divisor).toFixed(2)}/${(tally.decodedBytes / mebibyte / divisor).toFixed(2)}`;
    this.#log(
      `  verified ${both(1)} MiB in ${seconds.toFixed(2)} seconds, speed ${both(seconds)} MiB/s (${tally.errors} errors)`,
    );
    return tally.errors === 0;
  }

  /** The chunks of one window that were not looked at before; what is known to be wrong counts at once. */
  #toDo(index: ChunkIndex, from: number, encrypted: boolean, tally: Tally): ChunkExpectation[] {
    const sound = encrypted ? this.#sound.encrypted : this.#sound.plain;
    const asked = new DigestMap(windowSize);
    const todo: ChunkExpectation[] = [];
    for (let i = from; i < Math.min(index.count, from + windowSize); i++) {
      const digest = index.digestAt(i);
      const size = index.endOf(i) - index.startOf(i);
      if (this.#corrupt.has(digest)) {
        this.#error(tally, digest, 'chunk was marked as corrupt');
        continue;
      }
      const known = sound.get(digest) ?? asked.get(digest);
      if (known === undefined) {
        asked.set(digest, size);
        todo.push({ digest, size, encrypted });
      } else if (known !== size && !encrypted) {
        this.#error(tally, digest, `detected chunk with wrong length (${size} != ${known})`);
      }
    }
    return todo;
  }

  async #verifyWindow(todo: readonly ChunkExpectation[], tally: Tally): Promise<void> {
    const options = this.#signal === undefined ? {} : { signal: this.#signal };
    const digests = todo.map(({ digest }) => digest);
    const order = await this.#chunks.readingOrder(digests, options);
    const sorted = Array.from(order, (position) => todo[position]!);
    const steps: ChunkExpectation[][] = [];
    const size = this.#stepSize;
    for (let at = 0; at < sorted.length; at += size) steps.push(sorted.slice(at, at + size));
    const check = async (step: ChunkExpectation[]) => ({ step, checks: await this.#chunks.check(step, options) });
    for await (const { step, checks } of mapOrdered(steps, this.#stepsAtOnce, check, this.#signal)) {
      for (const [i, expected] of step.entries()) await this.#judge(expected, checks[i]!, tally);
      throwIfAborted(this.#signal);
    }
  }

  async #judge(expected: ChunkExpectation, check: ChunkCheck, tally: Tally, again = false): Promise<void> {
    const { digest, size, encrypted } = expected;
    tally.readBytes += check.storedSize;
    switch (check.verdict) {
      case 'ok':
        tally.decodedBytes += size;
        (encrypted ? this.#sound.encrypted : this.#sound.plain).set(digest, size);
        return;
      case 'mismatch':
      case 'unreadable':
        this.#error(tally, digest, check.error);
        return;
      case 'missing':
        this.#corrupt.set(digest, size);
        this.#error(tally, digest, check.error);
        return;
      case 'corrupt': {
        const bad = await this.#chunks.quarantine(digest, check.copy);
        if (bad === undefined && !again) {
          // Another copy has taken its place since it was read.
          const [second] = await this.#chunks.check([expected]);
          if (second) return this.#judge(expected, second, tally, true);
        }
        this.#corrupt.set(digest, size);
        this.#error(tally, digest, check.error);
        if (bad !== undefined) this.#log(`corrupt chunk renamed to "${bad}"`);
      }
    }
  }

  #error(tally: Tally, digest: Uint8Array, text = 'unknown error'): void {
    tally.errors++;
    this.#log(`chunk ${toHex(digest)}: ${text}`);
  }
}
