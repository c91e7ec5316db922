import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { formatUtc } from '../base/clock.ts';
import { pruneDatastore, pruneGroup } from './prune.ts';
import { host, temporaryStore, writeBackup } from './testing/temporary-store.ts';

describe('pruning', () => {
  it('logs a datastore as the product does', async () => {
    await using temporary = await temporaryStore({ fixture: true });
    const lines: string[] = [];
    const collect = (line: string): number => lines.push(line);
    await pruneDatastore(temporary.store, { ns: [], keep: { last: 1 }, dryRun: true, log: collect, warn: collect });
    const golden = JSON.parse(productFile('api/task-log-prune-datastore-dry-run.json').toString()) as {
      data: { t: string }[];
    };
    const expected = golden.data.map(({ t }) => t.replace(/^\S+: /, '')).filter((t) => t !== 'TASK OK');
    // The product walks groups as its directory has them, we in order.
    const groupsOf = (all: string[]): string[] =>
      all
        .slice(3)
        .join('\n')
        .split(/\n(?=Pruning)/)
        .sort();
    assert.deepEqual(lines.slice(0, 3), expected.slice(0, 3));
    // In a dry run we add the reason.
    const reasons = lines.filter((line) => /^would (?!free)/.test(line)).map((line) => line.split(': ')[1]);
    assert.deepEqual([...new Set(reasons)].sort(), ['keep-last', 'not kept by any rule', 'protected']);
    const total = lines.pop()!;
    const plain = lines.map((line) => (line.startsWith('would ') ? line.split(': ')[0]! : line));
    assert.deepEqual(groupsOf(plain), groupsOf(expected));
    const removed = plain.filter((line) => line.startsWith('would remove')).length;
    const freed = new RegExp(
      `^would free \\d[\\d.]* [KM]iB after the next garbage collection \\(snapshots removed: ${removed}\\)$`,
    );
    assert.match(total, freed);
    assert.equal((await temporary.store.listSnapshots([])).length, 11);
  });

  it('removes oldest first, keeps what is protected or in use, and goes on after a failure', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    const times = [100, 200, 300, 400, 500];
    for (const time of times) await writeBackup(store, host('a', time));
    await store.setProtected([], host('a', 200), true);
    using _reader = await store.lockSnapshotShared([], host('a', 300));
    const decisions: string[] = [];
    const failures: number[] = [];
    const result = await pruneGroup(store, [], host('a', 0), {
      keep: { last: 1 },
      onDecision: ({ snapshot, mark }) => decisions.push(`${snapshot.time} ${mark}`),
      onFailure: (snapshot) => failures.push(snapshot.time),
    });
    assert.deepEqual(decisions, ['100 remove', '200 protected', '300 remove', '400 remove', '500 keep']);
    assert.deepEqual(
      result.map(({ mark }) => mark),
      ['remove', 'protected', 'remove', 'remove', 'keep'],
    );
    assert.deepEqual(failures, [300]);
    const left = (await store.listSnapshots([])).map(({ time }) => time);
    assert.deepEqual(left, [200, 300, 500]);
  });

  it('leaves everything alone without a keep option, and says so', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('a', 200));
    const lines: string[] = [];
    await pruneDatastore(store, { ns: [], maxDepth: 0, keep: {}, log: (line) => lines.push(line), warn: () => {} });
    assert.deepEqual(lines, [
      "Starting datastore prune on datastore 'fixture', root namespace, non-recursive",
      'No prune selection - keeping all files.',
      'Pruning group :"host/a"',
      'keep host/a/1970-01-01T00:01:40Z',
      'keep host/a/1970-01-01T00:03:20Z',
    ]);
    assert.equal((await store.listSnapshots([])).length, 2);
  });

  it('clears away what a server that was killed has left, but nothing that may still be written or is in use', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const left = (day: number): void => {
      const directory = join(base, 'host/a', formatUtc(day * 86400));
      mkdirSync(directory);
      writeFileSync(join(directory, 'root.pxar.tmp_didx'), 'begun');
    };
    const damaged = host('a', 86400 / 2);
    for (const snapshot of [damaged, host('a', 2 * 86400)]) await writeBackup(store, snapshot);
    writeFileSync(store.filePath([], damaged, 'index.json.blob'), 'damaged');
    for (const day of [1, 3, 4, 5]) left(day);
    const keep = { last: 9 };
    const failures: string[] = [];
    const decisions = async (): Promise<string[]> => {
      const onFailure = (_: unknown, error: unknown) => void failures.push(String(error));
      const made = await pruneGroup(store, [], { type: 'host', id: 'a' }, { keep, onFailure });
      return made.map(({ snapshot, mark }) => `${snapshot.time / 86400} ${mark}`);
    };
    // Somebody writes the one of the third day, or reads it.
    const lock = await store.lockSnapshotShared([], host('a', 3 * 86400));
    assert.deepEqual(await decisions(), ['0.5 keep', '1 remove', '2 keep', '3 remove', '4 remove', '5 keep-partial']);
    assert.equal(failures.length, 1);
    assert.match(failures[0]!, /unable to acquire snapshot lock/);
    lock.release();
    assert.deepEqual(await decisions(), ['0.5 keep', '2 keep', '3 remove', '5 keep-partial']);
    // Until a younger one is there, nobody knows.
    assert.deepEqual(await decisions(), ['0.5 keep', '2 keep', '5 keep-partial']);
    await writeBackup(store, host('a', 6 * 86400));
    assert.deepEqual(await decisions(), ['0.5 keep', '2 keep', '5 remove', '6 keep']);
  });

  it('takes only the groups that are accepted', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await store.createNamespace([], 'n1');
    for (const ns of [[], ['n1']]) {
      for (const id of ['a', 'b']) {
        await writeBackup(store, host(id, 100), undefined, ns);
        await writeBackup(store, host(id, 200), undefined, ns);
      }
    }
    const lines: string[] = [];
    await pruneDatastore(store, {
      ns: ['n1'],
      maxDepth: 1,
      keep: { last: 1 },
      accept: (_ns, group, owner) => group.id === 'a' && owner === 'admin@pbs',
      log: (line) => lines.push(line),
      warn: () => {},
    });
    assert.deepEqual(lines, [
      "Starting datastore prune on datastore 'fixture', namespace 'n1', down to depth 1",
      'retention options: --ns n1 --max-depth 1 --keep-last 1',
      'Pruning group n1:"host/a"',
      'remove host/a/1970-01-01T00:01:40Z',
      'keep host/a/1970-01-01T00:03:20Z',
    ]);
    assert.equal((await store.listSnapshots(['n1'])).length, 3);
  });
});
