import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { unpackFixture } from '../../../../test/support/fixture.ts';
import { rootUser } from '../../../model/auth-id.ts';
import type { Result } from '../../../model/endpoint.ts';
import { TestApi } from '../../testing/api-server.ts';
import type { compareChunks, compareSnapshots } from './comparison.contract.ts';
import type { simulatePrune } from './simulation.contract.ts';
import { differencePage, type TreeNode } from './tree-diff.ts';

const [t1, t2] = [1700000000, 1700086400];
const stranger = 'stranger@pbs';

let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
  await api.server.access.users.create({ userid: stranger });
  await api.server.access.updateAcl(rootUser, {
    path: '/datastore/fixture',
    role: 'DatastoreBackup',
    authId: stranger,
  });
});
after(() => api[Symbol.asyncDispose]());

async function ask<T>(call: string, params: Record<string, string | number>, as = 'admin@pbs'): Promise<T> {
  const answer = await api.call('GET', `admin/datastore/fixture/${call}`, { as, params });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data as T;
}

const group = (type: string, id: string) => ({ 'backup-type': type, 'backup-id': id });
const both = (type: string, id: string) => ({ ...group(type, id), 'backup-time': t1, 'other-time': t2 });
type Comparison = Result<typeof compareSnapshots>;

test('the files that two snapshots of the original differ in are told page by page', async () => {
  const whole = await ask<Comparison>('snapshot-diff', { ...both('host', 'plain-host'), limit: 5000 });
  assert.equal(whole.next, undefined);
  assert.deepEqual(whole.unreadable, []);
  const told = whole.entries.map(({ change, path }) => `${change} ${path}`);
  assert.deepEqual(told, [
    'changed root.pxar/home/user/notes.txt',
    'removed root.pxar/many/file-001',
    'added root.pxar/many/renamed',
    'added root.pxar/new-dir',
    'added root.pxar/new-dir/new-file',
    'removed root.pxar/one-byte',
    'changed root.pxar/var/lib/app/big.log',
  ]);
  const joined: Comparison['entries'] = [];
  let after: string | undefined;
  do {
    const page: Comparison = await ask('snapshot-diff', {
      ...both('host', 'plain-host'),
      limit: 2,
      ...(after === undefined ? {} : { after }),
    });
    assert.ok(page.entries.length <= 2);
    joined.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  assert.deepEqual(joined, whole.entries);
  const one = whole.entries.find(({ change }) => change === 'added')!;
  assert.ok(Buffer.from(one.filepath, 'base64').toString().startsWith('root.pxar.didx/'));
  // The other way round the same, with what was added removed.
  const back = await ask<Comparison>('snapshot-diff', {
    ...group('host', 'plain-host'),
    'backup-time': t2,
    'other-time': t1,
    limit: 5000,
  });
  const turned = { added: 'removed', removed: 'added', changed: 'changed' } as const;
  assert.deepEqual(
    back.entries.map(({ change, path }) => [change, path]),
    whole.entries.map(({ change, path }) => [turned[change], path]),
  );
});

test('of images and encrypted archives only whether they changed is told', async () => {
  const image = await ask<Comparison>('snapshot-diff', both('vm', '100'));
  assert.deepEqual(
    image.entries.map(({ change, path, type }) => `${change} ${type} ${path}`),
    ['changed - drive-scsi0.img'],
  );
  const encrypted = await ask<Comparison>('snapshot-diff', both('host', 'enc-host'));
  assert.deepEqual(encrypted.unreadable, [{ filename: 'root.pxar.didx', reason: 'encrypted' }]);
  assert.ok(encrypted.entries.some(({ path, change }) => path === 'root.pxar' && change === 'changed'));
});

test('the overlap of chunks is that of the indexes, encrypted or not', async () => {
  type Overlap = Result<typeof compareChunks>;
  const self = await ask<Overlap>('snapshot-overlap', { ...both('vm', '100'), 'other-time': t1 });
  assert.equal(self['bytes-shared'], self.bytes);
  assert.equal(self['bytes-before'], self.bytes);
  const plain = await ask<Overlap>('snapshot-overlap', both('vm', '100'));
  const encrypted = await ask<Overlap>('snapshot-overlap', both('vm', '101'));
  assert.deepEqual(plain, encrypted);
  assert.ok(plain['bytes-shared'] > 0 && plain['bytes-shared'] < plain.bytes);
  assert.ok(plain['chunks-shared'] < plain.chunks);
});

test('who may not read the group may not compare', async () => {
  for (const call of ['snapshot-diff', 'snapshot-overlap']) {
    const params = both('host', 'plain-host');
    const { status } = await api.call('GET', `admin/datastore/fixture/${call}`, { as: stranger, params });
    assert.ok(status === 403 || status === 400, `${call}: ${status}`);
  }
});

test('a simulation tells of a group as a dry run does, and sums up namespaces', async () => {
  type Simulation = Result<typeof simulatePrune>;
  const keep = { 'keep-last': 1 };
  const one = await ask<Simulation>('prune-simulation', { ...group('host', 'enc-host'), ...keep });
  const dry = await api.call('POST', 'admin/datastore/fixture/prune', {
    as: 'admin@pbs',
    params: { ...group('host', 'enc-host'), ...keep, 'dry-run': 1 },
  });
  assert.deepEqual(one.snapshots, dry.json.data);
  assert.deepEqual([one.kept, one.removed], [1, 1]);
  const all = await ask<Simulation>('prune-simulation', keep);
  assert.equal(all.snapshots, undefined);
  assert.equal(all.kept + all.removed, 13);
  assert.deepEqual(
    all.groups.filter(({ ns }) => ns !== '').map((found) => `${found.ns}:${found['backup-id']}`),
    ['ns1:200', 'ns1/nested:tiny'],
  );
  assert.equal((await ask<Simulation>('prune-simulation', { ...keep, 'max-depth': 0 })).groups.length, 6);
  assert.equal((await ask<Simulation>('prune-simulation', {})).removed, 0);
  assert.equal((await ask<Simulation>('prune-simulation', keep, stranger)).groups.length, 0);
  const half = await api.call('GET', 'admin/datastore/fixture/prune-simulation', {
    as: 'admin@pbs',
    params: { 'backup-type': 'host' },
  });
  assert.equal(half.status, 400);
});

/** Directories are objects, files are sizes. */
interface Tree {
  [name: string]: Tree | number;
}

const nodesOf = (tree: Tree): TreeNode[] =>
  Object.entries(tree).map(([name, content]) =>
    typeof content === 'number'
      ? { name: Buffer.from(name), type: 'f', size: content }
      : { name: Buffer.from(name), type: 'd', list: async () => nodesOf(content) },
  );

/** All entries with what they are. */
function flat(tree: Tree, above = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, content] of Object.entries(tree)) {
    found.set(`${above}${name}`, typeof content === 'number' ? `file ${content}` : 'directory');
    if (typeof content !== 'number') for (const [k, v] of flat(content, `${above}${name}/`)) found.set(k, v);
  }
  return found;
}

const { tree } = fc.letrec<{ tree: Tree; node: Tree | number }>((tie) => ({
  tree: fc.dictionary(fc.constantFrom('a', 'a.b', 'a0', 'b', 'ä', '\u{1f600}'), tie('node'), {
    maxKeys: 4,
    depthIdentifier: 'tree',
    noNullPrototype: true,
  }),
  node: fc.oneof({ depthIdentifier: 'tree', maxDepth: 4 }, fc.nat(2), tie('tree')),
}));

test('pages of any length join to exactly what differs', async () => {
  const signal = new AbortController().signal;
  await fc.assert(
    fc.asyncProperty(tree, tree, fc.integer({ min: 1, max: 4 }), fc.boolean(), async (a, b, limit, isHurried) => {
      const [old, current] = [flat(a), flat(b)];
      const expected = [...new Set([...old.keys(), ...current.keys()])].filter((p) => old.get(p) !== current.get(p));
      const found: string[] = [];
      let next: Uint8Array | undefined;
      do {
        const page = await differencePage(nodesOf(a), nodesOf(b), {
          ...(next === undefined ? {} : { after: next }),
          limit,
          withinMs: isHurried ? -1 : 60_000,
          signal,
        });
        found.push(...page.differences.map(({ path }) => Buffer.from(path).toString()));
        next = page.next;
      } while (next !== undefined);
      assert.deepEqual(found.toSorted(), expected.toSorted());
      // Directories in front of what is in them, so parents are known when children come.
      for (const [i, path] of found.entries()) {
        const above = path.slice(0, Math.max(0, path.lastIndexOf('/')));
        assert.ok(above === '' || !found.includes(above) || found.indexOf(above) < i);
      }
    }),
  );
});
