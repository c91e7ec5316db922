// The groups of a namespace by name, in order, in flat memory: there may be a million, which as objects would take more
// memory than everything else that a run holds.

import { type BackupGroup, numberOf } from '../model/backup.ts';
import type { BackupType } from '../model/names.ts';

const types: readonly BackupType[] = ['ct', 'host', 'vm'];
const zero = 0x30;
/** Bytes in front of each id: the type's place in the order, and 0 for a numeric id. */
const headerSize = 2;

/** A set of groups that is read in the order of `compareGroups` (model/backup). Groups are added once each. */
export class GroupNames implements Iterable<BackupGroup> {
  #bytes = new Uint8Array(16 * 1024);
  /** Where entry `i` ends; it begins where the one before ends. */
  #ends = new Uint32Array(1024);
  #length = 0;
  /** Entries in order; undefined after one was added that does not come last. */
  #order: Uint32Array | undefined;
  #inOrder = true;

  static async from(groups: AsyncIterable<BackupGroup> | Iterable<BackupGroup>): Promise<GroupNames> {
    const names = new GroupNames();
    for await (const group of groups) names.add(group);
    return names;
  }

  get length(): number {
    return this.#length;
  }

  add({ type, id }: BackupGroup): void {
    const start = this.#startOf(this.#length);
    const end = start + headerSize + id.length;
    if (end > this.#bytes.length)
      this.#bytes = grown(new Uint8Array(Math.max(end, 2 * this.#bytes.length)), this.#bytes);
    if (this.#length === this.#ends.length) this.#ends = grown(new Uint32Array(2 * this.#ends.length), this.#ends);
    this.#bytes[start] = types.indexOf(type);
    this.#bytes[start + 1] = numberOf(id) === undefined ? 1 : 0;
    // Ids are ASCII.
    for (let i = 0; i < id.length; i++) this.#bytes[start + headerSize + i] = id.charCodeAt(i);
    const at = this.#length++;
    this.#ends[at] = end;
    this.#order = undefined;
    this.#inOrder &&= at === 0 || this.#compare(at - 1, at) < 0;
  }

  has(group: BackupGroup): boolean {
    // It is looked for as an entry behind the last one, which is not there for anybody else.
    const wanted = this.#length;
    const [order, inOrder] = [this.#inOrder ? undefined : this.#sorted(), this.#inOrder];
    this.add(group);
    this.#length--;
    [this.#order, this.#inOrder] = [order, inOrder];
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const compared = this.#compare(order ? order[middle]! : middle, wanted);
      if (compared === 0) return true;
      if (compared < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  *[Symbol.iterator](): Generator<BackupGroup, void, undefined> {
    const order = this.#inOrder ? undefined : this.#sorted();
    for (let i = 0; i < this.#length; i++) yield this.#group(order ? order[i]! : i);
  }

  #sorted(): Uint32Array {
    this.#order ??= Uint32Array.from({ length: this.#length }, (_, i) => i).sort((a, b) => this.#compare(a, b));
    return this.#order;
  }

  #startOf(entry: number): number {
    return entry === 0 ? 0 : this.#ends[entry - 1]!;
  }

  #group(entry: number): BackupGroup {
    const start = this.#startOf(entry);
    const id = String.fromCharCode(...this.#bytes.subarray(start + headerSize, this.#ends[entry]!));
    return { type: types[this.#bytes[start]!]!, id };
  }

  #compare(a: number, b: number): number {
    const bytes = this.#bytes;
    const [aStart, bStart] = [this.#startOf(a), this.#startOf(b)];
    const heads = bytes[aStart]! - bytes[bStart]! || bytes[aStart + 1]! - bytes[bStart + 1]!;
    if (heads !== 0) return heads;
    if (bytes[aStart + 1] === 0) {
      const [aDigits, bDigits] = [this.#firstDigit(a), this.#firstDigit(b)];
      const values =
        this.#ends[a]! - aDigits - (this.#ends[b]! - bDigits) ||
        this.#compareBytes(aDigits, this.#ends[a]!, bDigits, this.#ends[b]!);
      if (values !== 0) return values;
    }
    return this.#compareBytes(aStart + headerSize, this.#ends[a]!, bStart + headerSize, this.#ends[b]!);
  }

  /** Where the digits of a number begin, zeros in front left out. */
  #firstDigit(entry: number): number {
    let at = this.#startOf(entry) + headerSize;
    while (at < this.#ends[entry]! && this.#bytes[at] === zero) at++;
    return at;
  }

  #compareBytes(a: number, aEnd: number, b: number, bEnd: number): number {
    const length = Math.min(aEnd - a, bEnd - b);
    for (let i = 0; i < length; i++) {
      const difference = this.#bytes[a + i]! - this.#bytes[b + i]!;
      if (difference !== 0) return difference;
    }
    return aEnd - a - (bEnd - b);
  }
}

function grown<A extends Uint8Array | Uint32Array>(larger: A, from: A): A {
  larger.set(from);
  return larger;
}
