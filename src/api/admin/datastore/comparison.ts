// Two snapshots of a group side by side: which files came, went and changed, and how much of their content is shared.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../../../base/abort.ts';
import { DigestMap } from '../../../base/digest-map.ts';
import type { BackupSnapshot } from '../../../model/backup.ts';
import { archiveKind } from '../../../model/names.ts';
import { implement } from '../../../wire/implement.ts';
import { compareChunks, compareSnapshots } from './comparison.contract.ts';
import { type SnapshotTree, snapshotTree } from './snapshot-tree.ts';
import { checkGroup, openTarget, snapshotOf, type Target } from './target.ts';
import { differencePage, type TreeDifference } from './tree-diff.ts';

/** A page ends after this time even when it has few entries. */
const pageMs = 1500;
/** Chunks that are counted before other calls get their turn. */
const atOnce = 50_000;

export const comparisonEndpoints = [
  implement(compareSnapshots, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const before = snapshotOf(parameters);
    const after = { ...before, time: parameters['other-time'] };
    await checkGroup(call, target, before);
    const [old, current] = await Promise.all([
      snapshotTree(target, before, call.signal),
      snapshotTree(target, after, call.signal),
    ]);
    const { after: cursor, limit = 500 } = parameters;
    const page = await differencePage(old.roots, current.roots, {
      ...(cursor === undefined ? {} : { after: Buffer.from(cursor, 'base64') }),
      limit,
      withinMs: pageMs,
      signal: call.signal,
    });
    return {
      entries: page.differences.map((difference) => entryOf(difference, old, current)),
      ...(page.next === undefined ? {} : { next: Buffer.from(page.next).toString('base64') }),
      unreadable: [...new Map([...old.unreadable, ...current.unreadable])].map(([filename, reason]) => {
        return { filename, reason };
      }),
    };
  }),

  implement(compareChunks, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const before = snapshotOf(parameters);
    await checkGroup(call, target, before);
    const known = new DigestMap();
    const old = { bytes: 0, chunks: 0 };
    await eachChunk(target, before, call.signal, (bytes, at, size) => {
      if (!known.set(bytes, size, at)) return;
      old.bytes += size;
      old.chunks++;
    });
    const met = new DigestMap(known.count);
    const current = { bytes: 0, chunks: 0, shared: 0, sharedChunks: 0 };
    await eachChunk(target, { ...before, time: parameters['other-time'] }, call.signal, (bytes, at, size) => {
      if (!met.set(bytes, size, at)) return;
      current.bytes += size;
      current.chunks++;
      if (!known.has(bytes, at)) return;
      current.shared += size;
      current.sharedChunks++;
    });
    return {
      'bytes-before': old.bytes,
      bytes: current.bytes,
      'bytes-shared': current.shared,
      chunks: current.chunks,
      'chunks-before': old.chunks,
      'chunks-shared': current.sharedChunks,
    };
  }),
];

function entryOf({ path, before, after }: TreeDifference, old: SnapshotTree, current: SnapshotTree) {
  const { type } = after ?? before!;
  return {
    change:
      before === undefined ? ('added' as const) : after === undefined ? ('removed' as const) : ('changed' as const),
    path: Buffer.from(path).toString(),
    filepath: storedPath(path, after === undefined ? old : current).toString('base64'),
    type,
    ...(after?.size === undefined ? {} : { size: after.size }),
    ...(before?.size === undefined ? {} : { 'size-before': before.size }),
    ...(after?.mtime === undefined ? {} : { mtime: after.mtime }),
    ...(before?.mtime === undefined ? {} : { 'mtime-before': before.mtime }),
  };
}

/** The path with the stored name of its archive, as the calls that read files take it. */
function storedPath(path: Uint8Array, tree: SnapshotTree): Buffer {
  const slash = path.indexOf(0x2f);
  const name = Buffer.from(slash < 0 ? path : path.subarray(0, slash)).toString();
  const rest = slash < 0 ? Buffer.alloc(0) : path.subarray(slash);
  return Buffer.concat([Buffer.from(tree.stored.get(name) ?? name), rest]);
}

type Visit = (bytes: Uint8Array, at: number, size: number) => void;

/** Tells of every chunk of a snapshot's indexes: its digest is at `at` of `bytes`. One met twice is told of twice. */
async function eachChunk(
  { store, ns }: Target,
  snapshot: BackupSnapshot,
  signal: AbortSignal,
  visit: Visit,
): Promise<void> {
  for (const { filename } of (await store.readManifest(ns, snapshot)).files) {
    if (archiveKind(filename) === 'blob') continue;
    const index = await store.openIndex(ns, snapshot, filename);
    const { bytes, start, stride } = index.digestTable;
    for (let i = 0; i < index.count; i++) {
      visit(bytes, start + i * stride, index.endOf(i) - index.startOf(i));
      if (i % atOnce !== atOnce - 1) continue;
      throwIfAborted(signal);
      await nextTurn();
    }
  }
}
