// One process of the stress test: does the work of its role again and again, tells each deed as a line of JSON, and ends
// with code 1 at the first thing that must not be.
// Usage: actor.ts ROLE ROOT SEED DEEDS

import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { toHex } from '../../src/base/bytes.ts';
import { GranaryError } from '../../src/base/errors.ts';
import { receiveChunk } from '../../src/chunk-store/testing/chunk-store-suite.ts';
import { plainChunk, type TestChunk } from '../../src/chunk-store/testing/chunks.ts';
import type { BackupTransaction } from '../../src/datastore/backup-transaction.ts';
import type { Datastore } from '../../src/datastore/datastore.ts';
import { pruneGroup } from '../../src/datastore/prune.ts';
import type { Pruned } from '../../src/datastore/retention.ts';
import {
  dynamicChecksum,
  host,
  manifestBlob,
  noStats,
  owner,
  sha256,
  text,
} from '../../src/datastore/testing/temporary-store.ts';
import { Verification } from '../../src/datastore/verify.ts';
import { decodeBlob, encodeBlob } from '../../src/format/blob.ts';
import type { ChunkIndex } from '../../src/format/chunk-index.ts';
import type { ManifestFile } from '../../src/format/manifest.ts';
import { type BackupSnapshot, formatSnapshot, type Namespace } from '../../src/model/backup.ts';
import { manifestName } from '../../src/model/names.ts';
import { World } from './world.ts';

const [role = '', root = '', seed = '', deeds = '0'] = process.argv.slice(2);
const world = new World(root);
const upid = 'UPID:stress:00000001:00000001:00000001:00000001:verify:stress:root@pam:';
/** What others may make impossible. */
const refusals = new Set(['locked', 'bad-request', 'protected', 'not-found']);
const archive = 'root.pxar.didx';
const facts = 'facts.conf.blob';
const groupCount = 4;
const commonChunks = 60;

let rolls = 0;
/** A number below `n`, the same in each run with the same seed. */
const roll = (n: number): number => createHash('sha256').update(`${seed} ${rolls++}`).digest().readUInt32LE(0) % n;

const tell = (line: Record<string, unknown>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const nsOf = (group: number): Namespace => (group % 2 === 0 ? [] : ['deep']);

/** A group by number, and its snapshots that are finished, oldest first. */
async function someGroup(store: Datastore) {
  const number = roll(groupCount);
  const ns = nsOf(number);
  const group = host(`g${number}`, 0);
  const listed = await store.listGroupSnapshots(ns, group);
  return { ns, group, snapshots: listed.filter(({ finished }) => finished) };
}

/** A content that many backups have, or one of this backup's own. */
function someChunk(): TestChunk {
  const common = roll(3) > 0;
  return plainChunk(text(common ? `common ${roll(commonChunks)}` : `own ${seed} ${rolls}`));
}

/** One backup: of new content and of what the one before has, with pauses in which days may pass. */
async function backUp(store: Datastore): Promise<string> {
  const { ns, group } = await someGroup(store);
  const known = await store.listGroupSnapshots(ns, group);
  const snapshot = host(group.id, Math.max(1000, ...known.map(({ time }) => time)) + 1 + roll(3));
  let hold = await world.hold();
  try {
    await using transaction = await store.beginBackup(ns, snapshot, { owner });
    const chunks: { digest: Uint8Array; size: number }[] = [];
    let previous: ChunkIndex | undefined;
    if (roll(2) === 0) previous = await transaction.openPreviousIndex(archive).catch(() => undefined);
    for (let i = previous?.count ?? 0; i-- > 0; ) {
      const kept = { digest: previous!.digestAt(i), size: previous!.endOf(i) - previous!.startOf(i) };
      if (roll(4) > 0) chunks.push(kept);
    }
    for (let left = 1 + roll(8); left-- > 0; ) {
      const chunk = someChunk();
      await receiveChunk(store.chunks, chunk);
      chunks.push(chunk);
      if (roll(3) > 0) continue;
      hold.release();
      await new Promise((resolve) => setTimeout(resolve, roll(30)));
      hold = await world.hold();
    }
    if (roll(10) === 0) return 'given up';
    await finish(transaction, snapshot, chunks);
    tell({ committed: name(ns, snapshot) });
    return 'backup';
  } finally {
    hold.release();
  }
}

async function finish(
  transaction: BackupTransaction,
  snapshot: BackupSnapshot,
  chunks: readonly { digest: Uint8Array; size: number }[],
): Promise<void> {
  const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const writer = await transaction.openDynamicIndex(archive);
  let offset = 0;
  for (const { digest, size: length } of chunks) {
    writer.append(offset, digest, length);
    offset += length;
  }
  const checksum = dynamicChecksum(chunks.map((chunk) => ({ ...chunk, content: empty, blob: empty })));
  await writer.close({ count: chunks.length, size, checksum });
  const list = JSON.stringify(chunks.map(({ digest }) => toHex(digest)));
  const raw = encodeBlob(new TextEncoder().encode(list), { compress: false });
  await transaction.writeBlob(facts, raw);
  const files: ManifestFile[] = [
    { filename: archive, 'crypt-mode': 'none', size, csum: toHex(checksum) },
    { filename: facts, 'crypt-mode': 'none', size: raw.byteLength, csum: sha256(raw) },
  ];
  await transaction.writeBlob(manifestName, manifestBlob(snapshot, files));
  await transaction.commit(noStats);
}

const empty = new Uint8Array();
const name = (ns: Namespace, snapshot: BackupSnapshot): string => [...ns, formatSnapshot(snapshot)].join(' ');

/** Reads a snapshot as a restore does, and compares each byte with what was backed up. */
async function restore(store: Datastore): Promise<string> {
  const { ns, snapshots } = await someGroup(store);
  const { type, id, time } = snapshots[roll(Math.max(1, snapshots.length))] ?? host('none', 1);
  const snapshot = { type, id, time };
  using _lock = await store.lockSnapshotShared(ns, snapshot);
  await restoreLocked(store, ns, snapshot);
  return 'restore';
}

async function restoreLocked(store: Datastore, ns: Namespace, snapshot: BackupSnapshot): Promise<void> {
  const blob = await store.readFile(ns, snapshot, facts);
  if (!(blob instanceof Uint8Array)) throw new Error(`${facts} is large`);
  const digests = JSON.parse(new TextDecoder().decode(decodeBlob(blob, { what: facts }))) as string[];
  const index = await store.openIndex(ns, snapshot, archive);
  if (index.count !== digests.length) throw new Error(`${name(ns, snapshot)} has ${index.count} chunks`);
  for (const [i, hex] of digests.entries()) {
    const content = decodeBlob(await store.chunks.read(index.digestAt(i)), { what: hex });
    // The digest is that of the content which the writer made, so equal digests are equal bytes.
    if (createHash('sha256').update(content).digest('hex') !== hex) throw new Error(`chunk ${hex} is not what it was`);
    if (content.byteLength !== index.endOf(i) - index.startOf(i)) throw new Error(`chunk ${hex} has another length`);
  }
}

/** Retention and removal. */
async function remove(store: Datastore): Promise<string> {
  const { ns, group, snapshots } = await someGroup(store);
  const some = snapshots[roll(Math.max(1, snapshots.length))];
  switch (roll(5)) {
    case 0: {
      if (!some) return 'nothing to forget';
      tell({ removing: name(ns, some) });
      await store.removeSnapshot(ns, some);
      return 'forget';
    }
    case 1: {
      if (!some) return 'nothing to protect';
      await store.setProtected(ns, some, roll(3) === 0);
      return 'protect';
    }
    case 2: {
      if (roll(4) > 0) return 'group kept';
      tell({ removing: [...ns, `host/${group.id}/`].join(' ') });
      await store.removeGroup(ns, group);
      return 'forget group';
    }
    default: {
      const onDecision = ({ snapshot, mark }: Pruned<BackupSnapshot>): void => {
        if (mark === 'remove') tell({ removing: name(ns, snapshot) });
      };
      await pruneGroup(store, ns, group, { keep: { last: 1 + roll(4) }, onDecision });
      return 'prune';
    }
  }
}

async function collect(store: Datastore): Promise<string> {
  using _hold = await world.hold();
  const warn = (line: string): void => {
    throw new Error(`a collection says: ${line}`);
  };
  const options = { upid, log: () => {}, warn, cutoffMinutes: 1 + roll(1445), cacheCapacity: roll(2) * 4096 };
  const status = await store.collectGarbage(options);
  tell({ removed: status['removed-chunks'], kept: status['disk-chunks'] + status['pending-chunks'] });
  return 'collection';
}

async function verify(store: Datastore): Promise<string> {
  const lines: string[] = [];
  const run = new Verification(store, { upid, log: (line) => void lines.push(line) });
  const { ns, group, snapshots } = await someGroup(store);
  const some = snapshots[roll(Math.max(1, snapshots.length))];
  const failed: string[] = [];
  if (roll(4) === 0) failed.push(...(await run.verifyDatastore()));
  else if (roll(2) === 0) failed.push(...(await run.verifyGroup(ns, group)));
  else if (some && !(await run.verifySnapshot(ns, some))) failed.push(name(ns, some));
  const wrong = failed.length > 0 ? lines.filter((line) => isWrong(line)) : [];
  if (wrong.length > 0) throw new Error(`verification says:\n${wrong.join('\n')}`);
  return 'verification';
}

/** Snapshots that are removed or still being written when their turn comes are no failures. */
const isWrong = (line: string): boolean =>
  / failed: |^chunk |manifest load error/.test(line) && !/manifest not found|SKIPPED/.test(line);

/** At the end, when nothing else runs: every snapshot is restored. */
async function restoreAll(store: Datastore): Promise<string> {
  for (let number = 0; number < groupCount; number++) {
    const ns = nsOf(number);
    for (const info of await store.listGroupSnapshots(ns, host(`g${number}`, 0))) {
      if (!info.finished) continue;
      await restoreLocked(store, ns, info);
      tell({ whole: name(ns, info) });
    }
  }
  return 'last look';
}

const roles: Record<string, (store: Datastore) => Promise<string>> = {
  writer: backUp,
  restorer: restore,
  remover: remove,
  collector: collect,
  verifier: verify,
  inspector: restoreAll,
};

const act = roles[role];
if (!act) throw new Error(`no role '${role}'`);
const store = await world.open(role === 'collector' ? 2 : 0);
for (let left = Number(deeds); left > 0; left--) {
  try {
    tell({ did: await act(store) });
    // Else there would be nothing left to look at.
    if (role === 'remover') await new Promise((resolve) => setTimeout(resolve, 40));
  } catch (error) {
    if (!(error instanceof GranaryError && refusals.has(error.code))) {
      tell({ wrong: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
      process.exit(1);
    }
    tell({ did: `${role} refused` });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
process.exit(0);
