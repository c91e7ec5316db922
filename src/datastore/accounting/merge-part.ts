// One part of an update: the records of the old table without the snapshots that are gone, the references of the new
// ones, and the sizes of the chunks, all in the order of digests, become a part of the new table.

import {
  compareDigests,
  digestWords,
  type RecordCollector,
  readStoredPart,
  type StoredParts,
  sortRecords,
} from './digest-records.ts';
import { gone, type Plan } from './plan.ts';
import { firstWord, lastWord, recordWords, sizeWord, type TableReader } from './reference-table.ts';
import type { Tally } from './tally.ts';

/** What a collection tells of a chunk: digest, then bytes in one word. */
export const measuredWords = digestWords + 1;

export interface MergeSources {
  old: TableReader | undefined;
  plan: Plan;
  added: RecordCollector;
  measured: StoredParts | undefined;
  tally: Tally;
  /** Asks for the size of a chunk; 0 when it is missing. */
  storedSize(digest: Uint8Array): number;
}

export interface MergedPart {
  records: Uint32Array;
  /** Bytes of chunks that no snapshot names, as far as they were seen. */
  unreferenced: number;
}

export function mergePart(part: number, sources: MergeSources): MergedPart {
  return new PartMerge(part, sources).run();
}

class PartMerge {
  readonly #sources: MergeSources;
  readonly #old: Uint32Array;
  readonly #added: Uint32Array;
  readonly #measured: Uint32Array | undefined;
  readonly #merged: Uint32Array;
  #oldAt = 0;
  #addedAt = 0;
  #measuredAt = 0;
  #mergedAt = 0;
  #unreferenced = 0;
  /** The chunk that is looked at. */
  readonly #digest = new Uint32Array(digestWords);
  /** The snapshots that name it: ordinals of the first and the last of each run, in turn. */
  #runs = new Uint32Array(64);
  #used = 0;

  constructor(part: number, sources: MergeSources) {
    this.#sources = sources;
    this.#old = sources.old?.read(part) ?? new Uint32Array(0);
    this.#added = sortRecords(sources.added.part(part), recordWords);
    this.#measured = sources.measured && sortRecords(readStoredPart(sources.measured, part), measuredWords);
    this.#merged = new Uint32Array(this.#old.length + this.#added.length);
  }

  run(): MergedPart {
    while (this.#oldAt < this.#old.length || this.#addedAt < this.#added.length) {
      const known = this.#takeNext();
      const size = this.#measured ? this.#takeMeasured() : known;
      if (this.#used === 0) {
        this.#unreferenced += size ?? 0;
        continue;
      }
      // What was missing may be back, and what a collection has not seen may be new.
      const sure = size || this.#sources.storedSize(new Uint8Array(this.#digest.buffer));
      this.#joinRuns();
      this.#sources.tally.add(this.#runs, this.#used, sure);
      this.#write(sure);
    }
    this.#passMeasured();
    return { records: this.#merged.subarray(0, this.#mergedAt), unreferenced: this.#unreferenced };
  }

  /** Takes all runs of the next digest; gives the size that the old table has, undefined for a new chunk. */
  #takeNext(): number | undefined {
    const old = this.#old;
    const added = this.#added;
    const isOld =
      this.#addedAt === added.length ||
      (this.#oldAt < old.length && compareDigests(old, this.#oldAt, added, this.#addedAt) <= 0);
    const [records, at] = isOld ? [old, this.#oldAt] : [added, this.#addedAt];
    for (let word = 0; word < digestWords; word++) this.#digest[word] = records[at + word]!;
    this.#used = 0;
    const { nextKept, lastKept } = this.#sources.plan;
    let size: number | undefined;
    for (; this.#isNext(old, this.#oldAt); this.#oldAt += recordWords) {
      size = old[this.#oldAt + sizeWord]!;
      const first = nextKept[old[this.#oldAt + firstWord]!]!;
      const last = lastKept[old[this.#oldAt + lastWord]!]!;
      // When none of the run is left, these are younger and older than all of it.
      if (first !== gone && last !== gone && first <= last) this.#addRun(first, last);
    }
    for (; this.#isNext(added, this.#addedAt); this.#addedAt += recordWords) {
      this.#addRun(added[this.#addedAt + firstWord]!, added[this.#addedAt + lastWord]!);
    }
    return size;
  }

  #isNext(records: Uint32Array, at: number): boolean {
    return at < records.length && compareDigests(records, at, this.#digest, 0) === 0;
  }

  /** Runs stay sorted by their first snapshot. */
  #addRun(first: number, last: number): void {
    if (this.#used === this.#runs.length) {
      const runs = new Uint32Array(this.#runs.length * 2);
      runs.set(this.#runs);
      this.#runs = runs;
    }
    let at = this.#used;
    for (; at > 0 && this.#runs[at - 2]! > first; at -= 2) {
      this.#runs[at] = this.#runs[at - 2]!;
      this.#runs[at + 1] = this.#runs[at - 1]!;
    }
    this.#runs[at] = first;
    this.#runs[at + 1] = last;
    this.#used += 2;
  }

  /** Makes one run of those of a group that touch or overlap. */
  #joinRuns(): void {
    const { groupOf } = this.#sources.plan.places;
    const runs = this.#runs;
    let to = 0;
    for (let at = 2; at < this.#used; at += 2) {
      const [first, last] = [runs[at]!, runs[at + 1]!];
      if (first <= runs[to + 1]! + 1 && groupOf[first] === groupOf[runs[to]!]) {
        runs[to + 1] = Math.max(runs[to + 1]!, last);
      } else {
        to += 2;
        runs[to] = first;
        runs[to + 1] = last;
      }
    }
    this.#used = to + 2;
  }

  /** The size that a collection has found; undefined for a chunk that it has not seen. */
  #takeMeasured(): number | undefined {
    const measured = this.#measured!;
    let size: number | undefined;
    for (; this.#measuredAt < measured.length; this.#measuredAt += measuredWords) {
      const difference = compareDigests(measured, this.#measuredAt, this.#digest, 0);
      if (difference > 0) break;
      if (difference === 0) size = measured[this.#measuredAt + digestWords]!;
      else this.#unreferenced += measured[this.#measuredAt + digestWords]!;
    }
    return size;
  }

  /** What is left of the measured chunks has no name. */
  #passMeasured(): void {
    const measured = this.#measured ?? new Uint32Array(0);
    for (; this.#measuredAt < measured.length; this.#measuredAt += measuredWords) {
      this.#unreferenced += measured[this.#measuredAt + digestWords]!;
    }
  }

  #write(size: number): void {
    for (let at = 0; at < this.#used; at += 2) {
      const to = this.#mergedAt;
      this.#merged.set(this.#digest, to);
      this.#merged[to + firstWord] = this.#runs[at]!;
      this.#merged[to + lastWord] = this.#runs[at + 1]!;
      this.#merged[to + sizeWord] = size;
      this.#mergedAt += recordWords;
    }
  }
}
