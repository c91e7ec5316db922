// Sums up, chunk by chunk, what each snapshot, group and namespace names, and what it alone names. A chunk is unique to
// the smallest of them that holds all snapshots which name it; deleting that one, or what it lies in, frees the chunk.

/** How snapshots (by ordinal), groups and namespaces (by position) lie in each other. */
export interface Places {
  /** For each snapshot its group; the snapshots of a group follow each other. */
  groupOf: Uint32Array;
  /** For each group its namespace. */
  namespaceOf: Uint32Array;
  /** For each namespace the one it lies in; of the root, at 0, itself. Every other comes after its parent. */
  parentOf: Uint32Array;
}

/** Bytes of chunks on disk. A namespace includes those below it. */
export interface Sums {
  unique: Float64Array;
  referenced: Float64Array;
}

const none = 0xffffffff;

export class Tally {
  readonly #places: Places;
  readonly #depth: Uint32Array;
  readonly #snapshots: Sums;
  readonly #groups: Sums;
  readonly #namespaces: Sums;
  /** The chunk, counted from 1, that was last added to a namespace. */
  readonly #seen: Float64Array;
  chunks = 0;

  constructor(places: Places) {
    this.#places = places;
    const { groupOf, namespaceOf, parentOf } = places;
    this.#depth = new Uint32Array(parentOf.length);
    for (let ns = 1; ns < parentOf.length; ns++) this.#depth[ns] = this.#depth[parentOf[ns]!]! + 1;
    const sums = (length: number): Sums => ({
      unique: new Float64Array(length),
      referenced: new Float64Array(length),
    });
    // `referenced` of snapshots holds differences until the end.
    this.#snapshots = sums(groupOf.length + 1);
    this.#groups = sums(namespaceOf.length);
    this.#namespaces = sums(parentOf.length);
    this.#seen = new Float64Array(parentOf.length);
  }

  /** A chunk of `size` bytes that is named by snapshots `runs[0]` to `runs[1]`, `runs[2]` to `runs[3]`, ...; sorted. */
  add(runs: Uint32Array, length: number, size: number): void {
    const { groupOf, namespaceOf, parentOf } = this.#places;
    this.chunks++;
    let group = none;
    let ns = none;
    let owner: 'snapshot' | 'group' | 'namespace' = 'snapshot';
    for (let at = 0; at < length; at += 2) {
      const [first, last] = [runs[at]!, runs[at + 1]!];
      this.#snapshots.referenced[first]! += size;
      this.#snapshots.referenced[last + 1]! -= size;
      if (first !== last && owner === 'snapshot') owner = 'group';
      const here = groupOf[first]!;
      if (here === group) {
        if (owner === 'snapshot') owner = 'group';
        continue;
      }
      this.#groups.referenced[here]! += size;
      for (let above = namespaceOf[here]!; this.#seen[above] !== this.chunks; above = parentOf[above]!) {
        this.#seen[above] = this.chunks;
        this.#namespaces.referenced[above]! += size;
      }
      if (group === none) ns = namespaceOf[here]!;
      else {
        owner = 'namespace';
        ns = this.#common(ns, namespaceOf[here]!);
      }
      group = here;
    }
    if (owner === 'snapshot') this.#snapshots.unique[runs[0]!]! += size;
    else if (owner === 'group') this.#groups.unique[group]! += size;
    else this.#namespaces.unique[ns]! += size;
  }

  /** The smallest namespace that holds both. */
  #common(a: number, b: number): number {
    const { parentOf } = this.#places;
    while (a !== b) {
      if (this.#depth[a]! >= this.#depth[b]!) a = parentOf[a]!;
      else b = parentOf[b]!;
    }
    return a;
  }

  /** The sums, once all chunks are added. */
  finish(): { snapshots: Sums; groups: Sums; namespaces: Sums } {
    const { groupOf, namespaceOf, parentOf } = this.#places;
    const { unique, referenced } = this.#snapshots;
    for (let i = 1; i < groupOf.length; i++) referenced[i]! += referenced[i - 1]!;
    for (let i = 0; i < groupOf.length; i++) this.#groups.unique[groupOf[i]!]! += unique[i]!;
    for (let i = 0; i < namespaceOf.length; i++) this.#namespaces.unique[namespaceOf[i]!]! += this.#groups.unique[i]!;
    for (let ns = parentOf.length - 1; ns > 0; ns--) {
      this.#namespaces.unique[parentOf[ns]!]! += this.#namespaces.unique[ns]!;
    }
    return { snapshots: this.#snapshots, groups: this.#groups, namespaces: this.#namespaces };
  }
}
