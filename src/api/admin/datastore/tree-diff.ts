// What two trees of files differ in, in pages: each page says where the next begins, so nothing is kept between calls.
// Memory: the entries of the directories from the root to where the walk is.

import { throwIfAborted } from '../../../base/abort.ts';

/** An entry of a tree; directories know how to list what is in them. */
export interface TreeNode {
  readonly name: Uint8Array;
  /** One letter, as in a catalog; another type is another thing. */
  readonly type: string;
  /** Bytes; of files. */
  readonly size?: number;
  /** Epoch seconds; of files. */
  readonly mtime?: number;
  /** Checksum of something whose inside is not looked at. */
  readonly checksum?: string;
  list?(): Promise<TreeNode[]>;
}

export interface TreeDifference {
  /** Names from the root with slashes between. */
  path: Uint8Array;
  /** Absent for what was added. */
  before?: TreeNode;
  /** Absent for what was removed. */
  after?: TreeNode;
}

export interface PageOptions {
  /** The `next` of the page before. */
  after?: Uint8Array;
  /** How many differences at most. */
  limit: number;
  /** When the page ends even with fewer, milliseconds from now. */
  withinMs: number;
  signal: AbortSignal;
}

export interface DifferencePage {
  differences: TreeDifference[];
  /** Where the next page begins; absent after the last. */
  next?: Uint8Array;
}

interface Pair {
  name: Uint8Array;
  before?: TreeNode;
  after?: TreeNode;
}

interface Frame {
  /** With a slash at the end, but for the root. */
  path: Uint8Array;
  pairs: Pair[];
  at: number;
  /** Names that the page before has come to, from the first of `pairs` on; that one was told of. */
  passed: Uint8Array[];
}

const slash = Buffer.from('/');

/** One page of the differences: directories in front of what is in them, names in the order of their bytes. */
export async function differencePage(
  before: readonly TreeNode[],
  after: readonly TreeNode[],
  { after: from, limit, withinMs, signal }: PageOptions,
): Promise<DifferencePage> {
  const differences: TreeDifference[] = [];
  const deadline = performance.now() + withinMs;
  const passed = from === undefined ? [] : splitNames(from);
  const stack: Frame[] = [frameOf(Buffer.alloc(0), before, after, passed)];
  while (stack.length > 0) {
    const frame = stack.at(-1)!;
    const pair = frame.pairs[frame.at++];
    if (pair === undefined) {
      stack.pop();
      continue;
    }
    const path = Buffer.concat([frame.path, pair.name]);
    const wasTold = frame.at === 1 && frame.passed.length > 0 && Buffer.compare(pair.name, frame.passed[0]!) === 0;
    if (!wasTold && isDifferent(pair)) {
      const { before: old, after: current } = pair;
      differences.push({ path, ...(old && { before: old }), ...(current && { after: current }) });
    }
    if (pair.before?.list !== undefined || pair.after?.list !== undefined) {
      throwIfAborted(signal);
      const [old, current] = await Promise.all([pair.before?.list?.() ?? [], pair.after?.list?.() ?? []]);
      stack.push(frameOf(Buffer.concat([path, slash]), old, current, wasTold ? frame.passed.slice(1) : []));
    }
    // Each page comes further than the one before, however slow it is.
    const isFull = !wasTold && (differences.length >= limit || performance.now() > deadline);
    if (isFull && stack.some(({ at, pairs }) => at < pairs.length)) return { differences, next: path };
  }
  return { differences };
}

/** What is in both, by name; what the page before has passed is left out. */
function frameOf(
  path: Uint8Array,
  before: readonly TreeNode[],
  after: readonly TreeNode[],
  passed: Uint8Array[],
): Frame {
  const byName = new Map<string, Pair>();
  for (const node of before) byName.set(keyOf(node.name), { name: node.name, before: node });
  for (const node of after) {
    const key = keyOf(node.name);
    byName.set(key, { ...byName.get(key), name: node.name, after: node });
  }
  const [last] = passed;
  const pairs = [...byName.values()]
    .filter(({ name }) => last === undefined || Buffer.compare(name, last) >= 0)
    .sort((a, b) => Buffer.compare(a.name, b.name));
  return { path, pairs, at: 0, passed };
}

/** Every byte string as a key of its own. */
const keyOf = (name: Uint8Array): string => Buffer.from(name).toString('latin1');

function splitNames(path: Uint8Array): Uint8Array[] {
  return Buffer.from(path)
    .toString('latin1')
    .split('/')
    .map((name) => Buffer.from(name, 'latin1'));
}

function isDifferent({ before, after }: Pair): boolean {
  if (before === undefined || after === undefined || before.type !== after.type) return true;
  const isOther = <T>(a: T | undefined, b: T | undefined): boolean => a !== undefined && b !== undefined && a !== b;
  return (
    isOther(before.size, after.size) || isOther(before.mtime, after.mtime) || isOther(before.checksum, after.checksum)
  );
}
