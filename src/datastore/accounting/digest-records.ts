// Records of 32-bit words that begin with a chunk's digest, in 256 parts by the digest's first byte. Whatever the number
// of chunks, only one part is sorted and merged at a time: that is what bounds the memory of accounting.

import * as fs from 'node:fs';

export const digestWords = 8;
export const partCount = 256;

/** Compares the digests at `a[i]` and `b[j]`; the order is one of this room, and means nothing outside. */
export function compareDigests(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  for (let word = 0; word < digestWords; word++) {
    const difference = a[i + word]! - b[j + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A sorted copy: by digest, then by the word after it. */
export function sortRecords(records: Uint32Array, width: number): Uint32Array<ArrayBuffer> {
  const count = records.length / width;
  const order = new Uint32Array(count);
  // Digests are uniform: their first bits put nearly every record where it belongs.
  const bits = Math.max(0, Math.min(16, Math.ceil(Math.log2(Math.max(1, count))) - 1));
  const bucketOf = (i: number): number => (bits === 0 ? 0 : records[i * width]! >>> (32 - bits));
  const starts = new Uint32Array(2 ** bits + 1);
  for (let i = 0; i < count; i++) starts[bucketOf(i) + 1]!++;
  for (let bucket = 0; bucket < 2 ** bits; bucket++) starts[bucket + 1]! += starts[bucket]!;
  for (let i = 0; i < count; i++) order[starts[bucketOf(i)]!++] = i;
  const isAfter = (a: number, b: number): boolean => {
    const difference = compareDigests(records, a * width, records, b * width);
    return difference !== 0 ? difference > 0 : records[a * width + digestWords]! > records[b * width + digestWords]!;
  };
  for (let i = 1; i < count; i++) {
    const record = order[i]!;
    let at = i;
    for (; at > 0 && isAfter(order[at - 1]!, record); at--) order[at] = order[at - 1]!;
    order[at] = record;
  }
  const sorted = new Uint32Array(records.length);
  for (let i = 0; i < count; i++) {
    const from = order[i]! * width;
    for (let word = 0; word < width; word++) sorted[i * width + word] = records[from + word]!;
  }
  return sorted;
}

/** Where the parts lie in a file: for each part the offsets and lengths of its pieces, in turn, in bytes. */
export interface StoredParts {
  path: string;
  width: number;
  pieces: number[][];
}

/** The records of one part, in the order in which they were written. */
export function readStoredPart({ path, pieces }: StoredParts, part: number): Uint32Array<ArrayBuffer> {
  const places = pieces[part]!;
  let bytes = 0;
  for (let i = 1; i < places.length; i += 2) bytes += places[i]!;
  const records = new Uint32Array(bytes / 4);
  if (bytes === 0) return records;
  const fd = fs.openSync(path, 'r');
  try {
    let done = 0;
    for (let i = 0; i < places.length; i += 2) {
      readFully(fd, new Uint8Array(records.buffer, done, places[i + 1]!), places[i]!, path);
      done += places[i + 1]!;
    }
  } finally {
    fs.closeSync(fd);
  }
  return records;
}

/** Fills `room` from `at` on. */
export function readFully(fd: number, room: Uint8Array, at: number, path: string): void {
  for (let done = 0; done < room.byteLength; ) {
    const n = fs.readSync(fd, room, done, room.byteLength - done, at + done);
    if (n === 0) throw new Error(`'${path}' is shorter than it was`);
    done += n;
  }
}

export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += fs.writeSync(fd, bytes, done, bytes.byteLength - done);
}

/** Collects records in any number: in memory, and in a temporary file where that is not enough. */
export class RecordCollector implements Disposable {
  readonly #path: string;
  readonly #width: number;
  /** Words of one part in memory. */
  readonly #capacity: number;
  readonly #room: Uint32Array;
  readonly #used = new Uint32Array(partCount);
  readonly #pieces: number[][] = Array.from({ length: partCount }, () => []);
  #fd: number | undefined;
  #written = 0;

  /** `path` is made at the first need, replacing what is there. `memory` in bytes. */
  constructor(path: string, width: number, memory: number) {
    this.#path = path;
    this.#width = width;
    this.#capacity = width * Math.max(1, Math.floor(memory / partCount / 4 / width));
    this.#room = new Uint32Array(this.#capacity * partCount);
  }

  /** Takes the record at `from[at]`. */
  add(from: Uint32Array, at: number): void {
    const part = from[at]! & 0xff;
    if (this.#used[part] === this.#capacity) this.#spill(part);
    const to = part * this.#capacity + this.#used[part]!;
    for (let word = 0; word < this.#width; word++) this.#room[to + word] = from[at + word]!;
    this.#used[part]! += this.#width;
  }

  #spill(part: number): void {
    const used = this.#used[part]!;
    if (used === 0) return;
    this.#fd ??= this.#make();
    const bytes = new Uint8Array(this.#room.buffer, part * this.#capacity * 4, used * 4);
    writeFully(this.#fd, bytes);
    this.#pieces[part]!.push(this.#written, bytes.byteLength);
    this.#written += bytes.byteLength;
    this.#used[part] = 0;
  }

  /** What a crash has left may be another user's. */
  #make(): number {
    fs.rmSync(this.#path, { force: true });
    return fs.openSync(this.#path, 'wx', 0o640);
  }

  /** The records of one part, in no order that means anything. */
  part(part: number): Uint32Array<ArrayBuffer> {
    const stored = readStoredPart({ path: this.#path, width: this.#width, pieces: this.#pieces }, part);
    const used = this.#used[part]!;
    if (used === 0) return stored;
    const all = new Uint32Array(stored.length + used);
    all.set(stored);
    all.set(this.#room.subarray(part * this.#capacity, part * this.#capacity + used), stored.length);
    return all;
  }

  /** Writes everything to the file, for another thread. */
  store(): StoredParts {
    for (let part = 0; part < partCount; part++) this.#spill(part);
    return { path: this.#path, width: this.#width, pieces: this.#pieces };
  }

  /** Removes the file. */
  [Symbol.dispose](): void {
    if (this.#fd === undefined) return;
    fs.closeSync(this.#fd);
    this.#fd = undefined;
    fs.rmSync(this.#path, { force: true });
  }
}
