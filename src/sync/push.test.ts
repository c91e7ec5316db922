import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import type { CallParameters, Method } from '../client/rest-client.ts';
import type { SyncJob } from '../config/sync-job-schema.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { host, type TemporaryStore, temporaryStore, writeBackup } from '../datastore/testing/temporary-store.ts';
import { decodeManifestBlob, encodeManifestBlob, type Manifest } from '../format/manifest.ts';
import type { CryptMode } from '../model/names.ts';
import { privileges as allPrivileges, type Privilege } from '../model/privileges.ts';
import type { H2Session } from '../wire/h2-client.ts';
import { LocalSource, type PrivilegesOn } from './local-source.ts';
import { syncParameters } from './parameters.ts';
import { push } from './push.ts';
import { pushMemory } from './push-chunks.ts';
import { encryptionOf } from './push-encrypted.ts';
import { PushTarget } from './push-target.ts';
import { SyncStatistics } from './statistics.ts';

const me = 'sync@pbs';
const [t1, t2] = [1_700_000_000, 1_700_086_400];

interface FakeSnapshot {
  time: number;
  /** Undefined: it was never finished. */
  size?: number;
  protected?: boolean;
}
interface FakeGroup {
  owner: string;
  snapshots: FakeSnapshot[];
}

/** The other server as far as the calls of a push see it; every call is kept. Sessions are refused. */
class FakeServer {
  readonly calls: string[] = [];
  version = { version: '4.2', release: '0' };
  /** What removals answer. */
  removal: unknown = { 'removed-groups': 1, 'removed-snapshots': 2, 'protected-snapshots': 0 };
  /** Calls that fail, by their beginning, with a text. */
  readonly failing = new Map<string, string>();
  closed = false;
  /** Groups by namespace and name. */
  readonly namespaces: Record<string, Record<string, FakeGroup>>;

  constructor(namespaces: Record<string, Record<string, FakeGroup>> = { '': {} }) {
    this.namespaces = namespaces;
  }

  async call(method: Method, path: string, parameters: CallParameters = {}): Promise<unknown> {
    this.#take(method, path, parameters);
    if (path === 'version') return this.version;
    if (method === 'POST') {
      const { name, parent } = parameters;
      this.namespaces[parent === undefined ? `${name}` : `${parent}/${name}`] = {};
    }
    return method === 'DELETE' && !path.endsWith('/snapshots') ? this.removal : null;
  }

  async *list(path: string, parameters: CallParameters = {}): AsyncGenerator<object, void, undefined> {
    this.#take('GET', path, parameters);
    if (path.endsWith('/namespace')) {
      for (const ns of Object.keys(this.namespaces)) yield { ns };
      return;
    }
    const groups = this.namespaces[String(parameters['ns'] ?? '')] ?? {};
    if (path.endsWith('/groups')) {
      for (const [name, { owner }] of Object.entries(groups)) yield { ...ids(name), owner };
      return;
    }
    const name = `${parameters['backup-type']}/${parameters['backup-id']}`;
    for (const { time, ...state } of groups[name]?.snapshots ?? []) {
      yield { ...ids(name), 'backup-time': time, ...state };
    }
  }

  async openSession(kind: string, query: CallParameters): Promise<H2Session> {
    this.#take(kind, 'session', query);
    throw new GranaryError('bad-request', 'no sessions here');
  }

  close(): void {
    this.closed = true;
  }

  #take(method: string, path: string, parameters: CallParameters): void {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    const call = [method, path.replace('admin/datastore/copy/', ''), ...given.map(([k, v]) => `${k}=${v}`)].join(' ');
    this.calls.push(call);
    for (const [start, text] of this.failing) {
      if (call.startsWith(start)) throw new GranaryError('bad-request', text);
    }
  }
}

function ids(group: string) {
  const [type, id] = group.split('/');
  return { 'backup-type': type, 'backup-id': id };
}

const both = (owner = me): FakeGroup => ({
  owner,
  snapshots: [
    { time: t1, size: 1 },
    { time: t2, size: 1 },
  ],
});
/** The whole fixture, as if it was pushed before. */
const pushed = (): Record<string, Record<string, FakeGroup>> => ({
  '': {
    'host/enc-host': both(),
    'host/plain-host': both(),
    'host/scrypt-host': both(),
    'host/signed-host': { owner: me, snapshots: [{ time: t1, size: 1 }] },
    'vm/100': both(),
    'vm/101': both(),
  },
  ns1: { 'ct/200': { owner: me, snapshots: [{ time: t1, size: 1 }] } },
  'ns1/nested': { 'host/tiny': { owner: me, snapshots: [{ time: t2, size: 1 }] } },
});

let shared: TemporaryStore | undefined;
test.after(() => shared?.[Symbol.asyncDispose]());

interface Outcome {
  lines: string[];
  warnings: string[];
  error: GranaryError | undefined;
  statistics: SyncStatistics;
}

async function run(
  server: FakeServer,
  job: Partial<SyncJob> = {},
  o: { privileges?: PrivilegesOn; store?: TemporaryStore; crypt?: CryptConfig } = {},
): Promise<Outcome> {
  shared ??= await temporaryStore({ fixture: true });
  const { store } = o.store ?? shared;
  const all: ReadonlySet<Privilege> = new Set(allPrivileges);
  const privileges = o.privileges ?? (() => all);
  const parameters = syncParameters(
    { store: 'fixture', remote: 'offsite', 'remote-store': 'copy', ...job },
    'owner@pbs',
  );
  const [lines, warnings]: [string[], string[]] = [[], []];
  const statistics = new SyncStatistics();
  let error: GranaryError | undefined;
  try {
    const target = await PushTarget.open(server, 'copy', me);
    await push({
      parameters,
      source: new LocalSource(store, 'owner@pbs', privileges),
      target,
      privileges,
      statistics,
      crypt: o.crypt,
      memory: pushMemory(),
      log: { log: (line) => lines.push(line), warn: (line) => warnings.push(line) },
      signal: new AbortController().signal,
      clock: systemClock,
    });
  } catch (caught) {
    if (!(caught instanceof GranaryError)) throw caught;
    error = caught;
  }
  return { lines, warnings, error, statistics };
}

const removals = (server: FakeServer) => server.calls.filter((call) => call.startsWith('DELETE'));

test('the calls are those of the original, and nothing new costs one listing a group', async () => {
  const server = new FakeServer(pushed());
  const { lines, warnings, error } = await run(server);
  assert.equal(error, undefined);
  assert.deepEqual(warnings, []);
  const snapshots = (type: string, id: string, ns = '') => `GET snapshots backup-type=${type} backup-id=${id}${ns}`;
  assert.deepEqual(server.calls, [
    'GET version',
    'GET namespace',
    'GET groups ns=',
    snapshots('host', 'enc-host'),
    snapshots('host', 'plain-host'),
    snapshots('host', 'scrypt-host'),
    snapshots('host', 'signed-host'),
    snapshots('vm', '100'),
    snapshots('vm', '101'),
    'GET groups ns=ns1',
    snapshots('ct', '200', ' ns=ns1'),
    'GET groups ns=ns1/nested',
    snapshots('host', 'tiny', ' ns=ns1/nested'),
  ]);
  const all = 'skipped: 2 snapshot(s) (2023-11-14T22:13:20Z .. 2023-11-15T22:13:20Z)';
  assert.equal(lines[3], `${all} - older than the newest snapshot present on sync target`);
  assert.ok(lines.includes('percentage done: 83.33% (5/6 groups)'), lines.join('\n'));
});

test('a server before 2.2 is refused, and what is no version', async () => {
  for (const [version, text] of [
    ['2.1', 'Unsupported remote api version, minimum v2.2 required'],
    ['x', "the remote's version 'x' is none"],
  ]) {
    const server = new FakeServer();
    server.version = { version: String(version), release: '9' };
    const { error } = await run(server);
    assert.equal(error?.message, text);
    assert.ok(server.closed);
    assert.equal(server.calls.length, 1);
  }
  const server = new FakeServer(pushed());
  server.version = { version: '2.2', release: '1' };
  assert.equal((await run(server)).error, undefined);
});

test('namespaces are made part by part, below the anchor', async () => {
  const server = new FakeServer({ '': {}, a: {} });
  const { lines } = await run(server, {
    ns: 'ns1',
    'remote-ns': 'a/b',
    'group-filter': ['exclude:type:host', 'exclude:type:ct'],
  });
  assert.deepEqual(
    server.calls.filter((call) => call.startsWith('POST')),
    ['POST namespace name=b parent=a', 'POST namespace name=nested parent=a/b'],
  );
  assert.ok(lines.includes("Syncing datastore 'fixture', namespace 'ns1' into datastore 'copy', namespace 'a/b'"));
  assert.ok(lines.includes('Created namespace a/b/nested'));
  assert.ok(lines.includes('Found 0 groups to sync (out of 1 total)'));
  const deep = await run(new FakeServer(), { 'remote-ns': 'a/b/c/d/e/f' });
  assert.match(String(deep.error?.message), /^namespace 'a\/b\/c\/d\/e\/f\/ns1\/nested' would exceed/);
});

test('a namespace that cannot be made is told, and the next is done', async () => {
  const server = new FakeServer({ '': pushed()['']! });
  server.failing.set('POST namespace', 'no permission');
  const { error, warnings } = await run(server, { 'remove-vanished': true });
  assert.deepEqual(warnings, [
    "Sync of namespace 'ns1' failed - no permission",
    "Sync of namespace 'ns1/nested' failed - no permission",
  ]);
  assert.equal(error?.message, 'Sync failed with some errors!');
});

test('groups of others on the target are left alone with a warning, which is no error', async () => {
  const server = new FakeServer(pushed());
  server.namespaces['']!['vm/100'] = { owner: 'other@pbs', snapshots: [] };
  server.namespaces['']!['vm/gone'] = { owner: 'sync@pbs!token', snapshots: [] };
  const { warnings, error, lines } = await run(server, { 'remove-vanished': true });
  assert.deepEqual(warnings, ["Group 'vm/100' not owned by remote user 'sync@pbs' on target, skipping upload"]);
  assert.equal(error, undefined);
  assert.ok(lines.includes('Found 6 groups to sync (out of 6 total)'));
  assert.deepEqual(removals(server), []);
});

test('a group that fails keeps everything, and the next is done', async () => {
  const server = new FakeServer(pushed());
  server.namespaces['']!['vm/100']!.snapshots = [{ time: 5, size: 1 }];
  server.namespaces['']!['vm/101']!.snapshots = [
    { time: 6, size: 1 },
    { time: t2, size: 1 },
  ];
  const { warnings, error } = await run(server, { 'remove-vanished': true, 'max-depth': 0 });
  assert.deepEqual(warnings, ['sync group vm/100 failed - no sessions here']);
  assert.equal(error?.message, 'Sync failed with some errors!');
  assert.ok(
    server.calls.includes(
      `backup session store=copy backup-type=vm backup-id=100 backup-time=${t1} debug=false benchmark=false`,
    ),
  );
  assert.deepEqual(removals(server), ['DELETE snapshots backup-type=vm backup-id=101 backup-time=6']);
});

test('snapshots that have vanished go, protected ones stay, and one that cannot be removed is a warning', async () => {
  const server = new FakeServer(pushed());
  server.namespaces['']!['vm/100']!.snapshots.push(
    { time: 5, size: 1 },
    { time: 6, size: 1, protected: true },
    { time: 7, size: 1 },
  );
  server.failing.set('DELETE snapshots backup-type=vm backup-id=100 backup-time=7', 'it is locked');
  const { lines, warnings, error, statistics } = await run(server, { 'remove-vanished': true });
  assert.equal(error, undefined);
  assert.deepEqual(warnings, [
    'Failed to remove vanished snapshot vm/100/1970-01-01T00:00:07Z from remote: it is locked',
  ]);
  assert.ok(lines.includes('Removed vanished snapshot vm/100/1970-01-01T00:00:05Z from remote'));
  assert.ok(lines.includes('Kept protected snapshot vm/100/1970-01-01T00:00:06Z on remote'));
  assert.deepEqual(statistics.removed, { snapshots: 1, groups: 0, namespaces: 0 });
  const without = new FakeServer(server.namespaces);
  await run(without);
  assert.deepEqual(removals(without), []);
});

test('a snapshot that was begun on the target and never finished makes way for the whole one', async () => {
  const begun = (state: Partial<FakeSnapshot> = {}) => {
    const server = new FakeServer(pushed());
    server.namespaces['']!['vm/100']!.snapshots = [
      { time: t1, size: 1 },
      { time: t2, ...state },
    ];
    return server;
  };
  const job = { 'group-filter': ['group:vm/100'] };
  const server = begun();
  const { lines, warnings } = await run(server, job);
  assert.ok(lines.includes('Removed unfinished snapshot vm/100/2023-11-15T22:13:20Z from remote'));
  assert.match(
    server.calls.at(server.calls.findIndex((call) => call.startsWith('DELETE')) + 1)!,
    /^backup session .*=vm/,
  );
  assert.deepEqual(warnings, ['sync group vm/100 failed - no sessions here']);
  const context =
    'sync group vm/100 failed - snapshot vm/100/2023-11-15T22:13:20Z was begun on the target and never finished';
  assert.deepEqual((await run(begun({ protected: true }), job)).warnings, [`${context}, and is protected`]);
  const locked = begun();
  locked.failing.set('DELETE', 'possibly running');
  assert.deepEqual((await run(locked, job)).warnings, [`${context}: possibly running`]);
});

test('what filters of the state leave out has vanished, what transfer-last leaves out has not', async () => {
  const server = new FakeServer(pushed());
  await run(server, { 'remove-vanished': true, 'encrypted-only': true, 'max-depth': 0, 'group-filter': ['type:vm'] });
  // vm/101 is encrypted.
  assert.deepEqual(removals(server), [
    `DELETE snapshots backup-type=vm backup-id=100 backup-time=${t1}`,
    `DELETE snapshots backup-type=vm backup-id=100 backup-time=${t2}`,
  ]);
  const last = new FakeServer(pushed());
  last.namespaces['']!['vm/100']!.snapshots = [];
  const { lines } = await run(last, { 'remove-vanished': true, 'transfer-last': 1, 'group-filter': ['group:vm/100'] });
  assert.ok(lines.includes('skipped: 1 snapshot(s) (2023-11-14T22:13:20Z) - due to transfer-last'));
  assert.match(last.calls.find((call) => call.startsWith('backup session')) ?? '', new RegExp(`time=${t2}`));
  assert.deepEqual(removals(last), []);
});

test('groups that have vanished go with all that the target tells of it, or nothing', async () => {
  for (const [release, removal, removed, parameters] of [
    [
      '11',
      { 'removed-groups': 1, 'removed-snapshots': 2, 'protected-snapshots': 0 },
      [2, 1],
      ' error-on-protected=false',
    ],
    ['10', null, [0, 1], ''],
  ] as const) {
    const server = new FakeServer(pushed());
    server.version = { version: '3.2', release };
    server.removal = removal;
    server.namespaces['']!['vm/gone'] = both();
    server.namespaces['']!['host/gone'] = both();
    const { lines, statistics } = await run(server, { 'remove-vanished': true, 'group-filter': ['type:vm'] });
    assert.deepEqual(removals(server), [`DELETE groups backup-type=vm backup-id=gone ns=${parameters}`]);
    assert.ok(lines.includes("Removed vanished group 'vm/gone' from remote"));
    assert.deepEqual(statistics.removed, { snapshots: removed[0], groups: removed[1], namespaces: 0 });
  }
  const server = new FakeServer(pushed());
  server.namespaces['']!['vm/gone'] = both();
  server.removal = { 'removed-groups': 0, 'removed-snapshots': 1, 'protected-snapshots': 1 };
  const { lines, error } = await run(server, { 'remove-vanished': true });
  assert.ok(lines.includes("Kept some protected snapshots of group 'vm/gone' on remote"));
  assert.equal(error, undefined);
});

test('namespaces that have vanished go, children first; those that only are out of reach stay', async () => {
  const server = new FakeServer({
    ...pushed(),
    gone: {},
    'gone/child': { 'vm/1': both() },
    mixed: { 'vm/1': both(), 'vm/2': both('other@pbs') },
  });
  const { lines, statistics } = await run(server, { 'remove-vanished': true, 'max-depth': 0 });
  assert.deepEqual(removals(server), [
    'DELETE namespace ns=gone/child delete-groups=true error-on-protected=false',
    'DELETE namespace ns=gone delete-groups=true error-on-protected=false',
    'DELETE groups backup-type=vm backup-id=1 ns=mixed error-on-protected=false',
  ]);
  assert.ok(lines.includes('Successfully removed vanished namespace gone/child from remote'));
  assert.ok(lines.includes('Did not remove namespace mixed from remote - groups of others remain'));
  assert.equal(statistics.removed.namespaces, 2);
  server.removal = { 'removed-groups': 0, 'removed-snapshots': 0, 'protected-snapshots': 1 };
  const kept = await run(new FakeServer(server.namespaces), { 'remove-vanished': true });
  assert.equal(kept.error, undefined);
  const failing = new FakeServer({ ...pushed(), gone: {} });
  failing.failing.set('DELETE namespace', 'no permission');
  const failed = await run(failing, { 'remove-vanished': true });
  assert.deepEqual(failed.warnings, ['Failed to remove vanished namespace gone from remote: no permission']);
  assert.equal(failed.error?.message, 'Sync failed with some errors!');
});

test('a listing that fails removes nothing', async () => {
  const server = new FakeServer({ ...pushed() });
  server.namespaces['']!['vm/gone'] = both();
  server.failing.set('GET groups ns=', 'it broke off');
  const { error, warnings } = await run(server, { 'remove-vanished': true });
  assert.equal(warnings[0], 'Sync of root namespace failed - it broke off');
  assert.equal(error?.message, 'Sync failed with some errors!');
  assert.deepEqual(removals(server), []);
});

test('nothing has vanished when the file system of the source is gone', async () => {
  await using store = await temporaryStore();
  await writeBackup(store.store, host('a', t1));
  const { base } = store;
  const aside = `${base}-aside`;
  const unmount = (): void => {
    if (existsSync(aside)) return;
    renameSync(base, aside);
    mkdirSync(base);
  };
  const remount = (): void => {
    rmdirSync(base);
    renameSync(aside, base);
  };
  const all: ReadonlySet<Privilege> = new Set(allPrivileges);
  for (const at of ['/datastore/fixture', '/remote/offsite/copy']) {
    const server = new FakeServer({ '': { 'host/a': both(), 'vm/gone': both() }, gone: {} });
    // The first that is asked on that path.
    const privileges = (_who: string, path: string): typeof all => {
      if (path === at) unmount();
      return all;
    };
    const { error } = await run(server, { 'remove-vanished': true }, { store, privileges });
    remount();
    assert.match(error?.message ?? '', /^unable to open chunk store/);
    assert.deepEqual(removals(server), []);
  }
});

test('the privileges of the owner count, here and for the remote', async () => {
  const grants =
    (given: Record<string, Privilege[]>): PrivilegesOn =>
    (_, path) =>
      new Set(given[path] ?? []);
  const server = new FakeServer(pushed());
  const { warnings, lines, error } = await run(
    server,
    { 'remove-vanished': true },
    {
      privileges: grants({
        '/datastore/fixture': ['Datastore.Read'],
        '/datastore/fixture/ns1': ['Datastore.Read'],
        '/remote/offsite/copy': ['Remote.DatastoreBackup', 'Remote.DatastorePrune'],
      }),
    },
  );
  assert.deepEqual(warnings, [
    "Sync of namespace 'ns1' failed - missing permissions 'Remote.DatastoreBackup' on '/remote/offsite/copy/ns1'",
  ]);
  assert.ok(error);
  assert.ok(!lines.some((line) => line.includes('nested')), 'what may not be read is passed over silently');
  assert.deepEqual(removals(server), [], 'and is not taken for vanished');
  const owner = 'owner@pbs';
  const backup = await run(
    server,
    { 'max-depth': 0 },
    {
      privileges: grants({
        '/datastore/fixture': ['Datastore.Backup'],
        '/remote/offsite/copy': ['Remote.DatastoreBackup'],
      }),
    },
  );
  assert.ok(backup.lines.includes('Found 0 groups to sync (out of 0 total)'), `none belongs to ${owner}`);
  const noPrune = await run(
    server,
    { 'remove-vanished': true, 'max-depth': 0 },
    {
      privileges: grants({
        '/datastore/fixture': ['Datastore.Read'],
        '/remote/offsite/copy': ['Remote.DatastoreBackup'],
      }),
    },
  );
  assert.match(
    String(noPrune.warnings[0]),
    /missing permissions 'Remote.DatastorePrune' on '\/remote\/offsite\/copy'$/,
  );
});

test('a snapshot whose manifest cannot be read, or that vanishes, is passed over', async (t: TestContext) => {
  const own = await temporaryStore({ fixture: true });
  t.after(() => own[Symbol.asyncDispose]());
  const server = new FakeServer({ '': {} });
  const broken = join(own.base, 'vm/100/2023-11-14T22:13:20Z/index.json.blob');
  const list = own.store.listGroupSnapshots.bind(own.store);
  // They become so between the listing and their turn.
  own.store.listGroupSnapshots = async (ns, group) => {
    const listed = await list(ns, group);
    if (group.id === '100') writeFileSync(broken, 'nonsense');
    if (group.id === '101') rmSync(join(own.base, 'vm/101'), { recursive: true });
    return listed;
  };
  const { warnings, lines } = await run(server, { 'max-depth': 0, 'group-filter': ['type:vm'] }, { store: own });
  assert.match(warnings[0]!, /^2023-11-14T22:13:20Z: skipped because its manifest cannot be read: index.json.blob: /);
  assert.equal(warnings[1], 'sync group vm/100 failed - no sessions here');
  assert.equal(lines.filter((line) => line.endsWith(': skipped because vanished since start of sync')).length, 2);
});

test('with a key, plain snapshots are encrypted, encrypted ones pass, mixed ones are passed over with a warning', async (t) => {
  const manifest = (...modes: CryptMode[]): Manifest => ({
    type: 'host',
    id: 'a',
    time: t1,
    files: modes.map((mode, i) => ({ filename: `${i}.conf.blob`, 'crypt-mode': mode, size: 1, csum: '0'.repeat(64) })),
    signature: null,
    unprotected: {},
  });
  assert.equal(encryptionOf(manifest('none', 'sign-only')), 'encrypt');
  assert.equal(encryptionOf(manifest('encrypt', 'encrypt')), 'pass');
  assert.equal(encryptionOf(manifest('encrypt', 'none')), 'mixed');

  const own = await temporaryStore({ fixture: true });
  t.after(() => own[Symbol.asyncDispose]());
  const path = join(own.base, 'vm/101/2023-11-14T22:13:20Z/index.json.blob');
  const read = decodeManifestBlob(readFileSync(path), path);
  const [first, ...rest] = read.files;
  const mixed = { ...read, files: [{ ...first!, 'crypt-mode': 'none' as const }, ...rest] };
  writeFileSync(path, encodeManifestBlob(mixed));
  const crypt = CryptConfig.fromKey(new Uint8Array(32));
  const job = { 'max-depth': 0, 'group-filter': ['group:vm/101'] };
  const { warnings } = await run(new FakeServer({ '': {} }), job, { store: own, crypt });
  assert.deepEqual(warnings, [
    '2023-11-14T22:13:20Z: skipped because only some of its files are encrypted, and a key is to encrypt the others',
    'sync group vm/101 failed - no sessions here',
  ]);
});
