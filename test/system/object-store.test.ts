// Datastores in buckets of a real S3 server: backups, restores, verification, collection, and a server that is lost.

import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { resolveDirectories } from '../../src/config/directories.ts';
import type { S3Objects } from '../../src/object-store/s3-objects.ts';
import { openBucket } from '../../src/wire/object-stores.ts';
import { ConnectProxy } from '../support/connect-proxy.ts';
import { hasObjectServer, ObjectServer } from '../support/object-server.ts';
import { TestServer } from '../support/server.ts';
import { Weather } from '../support/weather.ts';

if (hasObjectServer) {
  let remote: ObjectServer;
  let weather: Weather;
  let objects: S3Objects;
  let server: TestServer;
  let proxy: ConnectProxy;

  const run = async (on: TestServer, ...words: string[]): Promise<string> => {
    const { code, out, err } = await on.manager(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${err}${out}`);
    return out;
  };
  const addEndpoint = async (to: TestServer): Promise<void> => {
    const access = ['--access-key', 'test:backup', '--secret-key', 'backup-secret', '--path-style'];
    const place = ['--endpoint', 'localhost', '--port', String(weather.port), '--fingerprint', remote.fingerprint];
    const quirks = ['--provider-quirks', 'skip-if-none-match-header'];
    await run(to, 's3', 'endpoint', 'create', 'swift1', ...access, ...place, ...quirks);
  };
  const create = (on: TestServer, ...words: string[]) => {
    const backend = 'type=s3,client=swift1,bucket=backups,max-cache-size=1MiB';
    return on.manager('datastore', 'create', 'store1', on.path('store1'), '--backend', backend, ...words);
  };
  const backup = (on: TestServer, content: string) =>
    writeFile(on.path('host.conf'), content).then(() =>
      on.client('store1', ['backup', `disk.img:${on.path('host.conf')}`, '--backup-id', 'one']),
    );
  const restored = async (on: TestServer): Promise<string> => {
    const words = ['restore', 'host/one/latest', 'disk.img', on.path('restored'), '--overwrite'];
    const { code, err } = await on.client('store1', words);
    assert.equal(code, 0, err);
    return await readFile(on.path('restored'), 'utf8');
  };
  const keys = async (prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of objects.list(prefix)) found.push(key);
    return found;
  };

  before(async () => {
    remote = await ObjectServer.start('backups');
    objects = remote.objects('backups');
    [weather, server, proxy] = await Promise.all([
      Weather.start(remote.port, remote),
      TestServer.start(),
      ConnectProxy.start(),
    ]);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    objects.close();
    await weather[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await remote[Symbol.asyncDispose]();
  });

  test('an endpoint is configured and tried, a datastore made in its bucket', async () => {
    await addEndpoint(server);
    assert.match(await run(server, 's3', 'endpoint', 'list'), /│ swift1 │ localhost │ +\d+ │ +│ test:backup │/);
    assert.match(await run(server, 's3', 'endpoint', 'list-buckets', 'swift1'), /│ backups │/);
    assert.equal(await run(server, 's3', 'check', 'swift1', 'backups', '--store-prefix', 'store1'), '');
    const nothing = await create(server, '--reuse-datastore');
    assert.match(nothing.out, /there is no datastore to reuse: S3 endpoint 'swift1', bucket 'backups' has nothing of/);
    const { code, out } = await create(server);
    assert.equal(code, 0, out);
    assert.match(await run(server, 'datastore', 'show', 'store1'), /max-cache-size=1 MiB/);
    assert.deepEqual(await keys(''), ['store1/.in-use']);
  });

  test('a backup is in the bucket, and comes back without any local copy', async () => {
    const made = await backup(server, 'first '.repeat(10_000));
    assert.equal(made.code, 0, made.err);
    const [chunk, owner, index, manifest] = await keys('store1/').then((all) =>
      all.filter((key) => !/in-use|client\.log/.test(key)).sort(),
    );
    assert.match(chunk!, /^store1\/\.chunks\/([0-9a-f]{4})\/\1[0-9a-f]{60}$/);
    assert.match(owner!, /^store1\/\.cnt\/host\/one\/20.*Z\/disk\.img\.fidx$/);
    assert.match(index!, /^store1\/\.cnt\/host\/one\/20.*Z\/index\.json\.blob$/);
    assert.equal(manifest, 'store1/.cnt/host/one/owner');
    assert.equal(await restored(server), 'first '.repeat(10_000));
    assert.match(await run(server, 'verify', 'store1'), /TASK OK/);
  });

  test('a session that asks for it leaves no copies in the cache', async () => {
    const cached = () => readdir(server.path('store1', '.cache'), { recursive: true });
    const before = await cached();
    await writeFile(server.path('passing.conf'), 'passing '.repeat(10_000));
    const words = ['backup', `disk.img:${server.path('passing.conf')}`, '--backup-id', 'passing'];
    const { code, err } = await server.client('store1', [...words, '--no-cache']);
    assert.equal(code, 0, err);
    assert.deepEqual(await cached(), before);
    assert.match(await run(server, 'verify', 'store1'), /TASK OK/);
    const removed = await server.client('store1', ['group', 'forget', 'host/passing']);
    assert.equal(removed.code, 0, removed.err);
    for (const key of await keys('store1/.chunks/')) {
      const hex = key.slice(-64);
      if (!before.some((name) => name.endsWith(hex))) await objects.delete([key]);
    }
  });

  test('all processes of the server share the rates of an endpoint, and go through the proxy of the node', async () => {
    const directories = resolveDirectories(server.path('server'));
    await run(server, 's3', 'endpoint', 'update', 'swift1', '--put-rate-limit', '10');
    await run(server, 'node', 'update', '--http-proxy', `http://127.0.0.1:${proxy.port}`);
    // Each as another process would open it.
    const opened = [1, 2, 3].map(() => openBucket(directories, 'swift1', 'backups'));
    try {
      const began = performance.now();
      const puts = opened.flatMap((bucket, i) =>
        [0, 1, 2, 3].map((n) => bucket.put(`rate/${i}/${n}`, Buffer.from('x'))),
      );
      await Promise.all(puts);
      const took = performance.now() - began;
      assert.ok(took >= 1050, `12 uploads took ${took} ms`);
      assert.ok(proxy.tunnels.length > 0);
      assert.deepEqual([...new Set(proxy.tunnels)], [`localhost:${weather.port}`]);
      await opened[0]!.delete(await keys('rate/'));
    } finally {
      for (const bucket of opened) bucket.close();
      await run(server, 's3', 'endpoint', 'update', 'swift1', '--delete', 'put-rate-limit');
      await run(server, 'node', 'update', '--delete', 'http-proxy');
    }
  });

  test('a corrupt chunk is found in the bucket, set aside there, and healed by the next backup', async () => {
    const [key] = await keys('store1/.chunks/');
    const stored = await objects.get(key!);
    await objects.put(key!, stored!.bytes.with(30, stored!.bytes[30]! ^ 1));
    const failed = await server.manager('verify', 'store1', '--ignore-verified', 'false');
    assert.match(failed.out, new RegExp(`corrupt chunk renamed to "${key}\\.0\\.bad"`));
    assert.deepEqual(await keys('store1/.chunks/'), [`${key}.0.bad`]);
    const again = await backup(server, 'first '.repeat(10_000));
    assert.equal(again.code, 0, again.err);
    assert.deepEqual(await keys('store1/.chunks/'), [key, `${key}.0.bad`]);
    assert.match(await run(server, 'verify', 'store1', '--ignore-verified', 'false'), /TASK OK/);
    assert.equal(await restored(server), 'first '.repeat(10_000));
    assert.match(
      await run(server, 'garbage-collection', 'start', 'store1'),
      /Removed chunks: 0\n.*\n?.*On-Disk chunks: 1/s,
    );
  });

  test('an object store that fails in the middle of a backup leaves nothing half, and says what failed', async () => {
    const before = await keys('store1/.cnt/');
    weather.fate = (method) => (method === 'PUT' ? 'slow-down' : 'pass');
    const failed = await backup(server, 'second '.repeat(10_000));
    weather.fate = () => 'pass';
    assert.notEqual(failed.code, 0);
    assert.match(failed.err, /S3 endpoint 'swift1', bucket 'backups': put '.*' failed \(6 attempts\): SlowDown/);
    assert.deepEqual(await keys('store1/.cnt/'), before);
    const status = async () => {
      const shown = JSON.parse(await run(server, 'datastore', 'show', 'store1', '--output-format', 'json'));
      return shown as { 's3-statistics': Record<string, number> };
    };
    while (((await status())['s3-statistics']['upload'] ?? 0) === 0) await setImmediate();
    await run(server, 's3', 'reset-counters', 'swift1', 'backups');
    const { put, since } = (await status())['s3-statistics'];
    assert.equal(put, 0);
    assert.ok(since! > 0);
    const snapshots = async (): Promise<unknown[]> =>
      JSON.parse((await server.client('store1', ['snapshot', 'list', '--output-format', 'json'])).out);
    // The session takes back what it has begun after the client has its answer.
    while ((await snapshots()).length > 2) {}
    assert.equal((await snapshots()).length, 2);
  });

  test('a second server is refused, takes over what a lost one had, and the lost one changes nothing any more', async () => {
    await using second = await TestServer.start();
    await addEndpoint(second);
    const refused = await create(second);
    assert.match(refused.out, /'store1' in S3 endpoint 'swift1', bucket 'backups' is in use by the server on '.*'/);
    const unasked = await create(second, '--overwrite-in-use');
    assert.match(unasked.out, /datastore path not empty: 'store1' in .* holds a datastore already/);
    const { code, out } = await create(second, '--overwrite-in-use', '--reuse-datastore');
    assert.equal(code, 0, out);
    assert.match(out, /Datastore 'store1' created\.\n.*The bucket has 2 chunks\.\n.*is as the bucket has it\.\n/s);
    assert.equal(await restored(second), 'first '.repeat(10_000));
    const made = await backup(second, 'third '.repeat(10_000));
    assert.equal(made.code, 0, made.err);

    await run(second, 'datastore', 's3-refresh', 'store1');
    assert.equal(await restored(second), 'third '.repeat(10_000));
    const removed = await second.manager('datastore', 'remove', 'store1', '--destroy-data');
    assert.equal(removed.code, 0, removed.out);
    assert.deepEqual(await keys(''), []);
  });
}
