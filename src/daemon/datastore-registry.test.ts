// Configured datastores: edits, maintenance modes, operations over processes (config-and-tasks.md 2, 9).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { resolveDirectories } from '../config/directories.ts';
import { processStartTicks } from '../os/process.ts';
import { ConfiguredDatastores } from './datastore-registry.ts';

function setUp(t: TestContext) {
  const home = mkdtempSync(path.join(os.tmpdir(), 'granary-registry-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const directories = resolveDirectories(home, 'home');
  for (const directory of [directories.config, directories.run, directories.state]) mkdirSync(directory);
  const base = (name: string): string => {
    mkdirSync(path.join(home, name, '.chunks'), { recursive: true });
    return path.join(home, name);
  };
  const configure = (text: string): void => writeFileSync(path.join(directories.config, 'datastore.cfg'), text);
  return {
    home,
    directories,
    base,
    configure,
    registry: new ConfiguredDatastores(directories, systemClock, silentLogger),
  };
}

test('an edited file counts from the next request on', async (t) => {
  const { base, configure, registry } = setUp(t);
  await assert.rejects(registry.get('one'), { message: "no such datastore 'one'" });
  configure(`datastore: one\n\tpath ${base('one')}\n`);
  const first = await registry.get('one');
  assert.equal(first.path, base('one'));
  assert.equal(await registry.get('one'), first);
  configure(`datastore: two\n\tpath ${base('two')}\n\ndatastore: one\n\tpath ${base('other')}\n\tverify-new true\n`);
  const second = await registry.get('one');
  assert.equal(second.path, base('other'));
  assert.equal(second.verifyNew, true);
  assert.deepEqual(await registry.names(), ['one', 'two']);
});

test('maintenance modes allow and refuse by kind of operation', async (t) => {
  const { base, configure, registry } = setUp(t);
  const outcome = async (mode: string): Promise<string[]> => {
    configure(`datastore: one\n\tpath ${base('one')}\n\tmaintenance-mode ${mode}\n`);
    const results = (['read', 'write', 'lookup'] as const).map((operation) =>
      registry.get('one', operation).then(
        () => 'ok',
        (error: Error) => error.message.replace("datastore 'one' is unavailable: ", ''),
      ),
    );
    return await Promise.all(results);
  };
  const readOnly = 'read-only maintenance mode: until monday';
  assert.deepEqual(await outcome('read-only,message=until%20monday'), ['ok', readOnly, 'ok']);
  const offline = 'offline maintenance mode: ';
  assert.deepEqual(await outcome('offline'), [offline, offline, 'ok']);
  const deleted = 'datastore is being deleted';
  assert.deepEqual(await outcome('type=delete'), [deleted, deleted, deleted]);
});

test('what this server cannot open is refused', async (t) => {
  const { base, configure, registry } = setUp(t);
  configure(`datastore: one\n\tpath ${base('one')}\n\tbacking-device abcd\n`);
  await assert.rejects(registry.get('one'), { message: "datastore 'one' is not mounted" });
  configure(`datastore: one\n\tpath ${base('one')}\n\tbackend type=s3,client=c,bucket=b\n`);
  await assert.rejects(registry.get('one'), { message: "no such s3-endpoint 'c'" });
});

test('a datastore whose file system is gone is not one that has become empty', async (t) => {
  const { base, configure, registry } = setUp(t);
  const place = base('one');
  configure(`datastore: one\n\tpath ${place}\n`);
  const store = await registry.get('one');
  renameSync(path.join(place, '.chunks'), path.join(place, 'elsewhere'));
  const gone = { code: 'io', message: `unable to open chunk store 'one' at '${place}/.chunks'` };
  await assert.rejects(registry.get('one'), gone);
  await assert.rejects(registry.use('one', 'read'), gone);
  assert.deepEqual(await registry.activeOperations('one'), { read: 0, write: 0 });
  assert.equal(await registry.get('one', 'lookup'), store);
  renameSync(path.join(place, 'elsewhere'), path.join(place, '.chunks'));
  assert.equal(await registry.get('one'), store);
});

test('operations are counted over processes; those of dead processes do not count', async (t) => {
  const { base, configure, registry, directories } = setUp(t);
  configure(`datastore: one\n\tpath ${base('one')}\n`);
  const count = () => registry.activeOperations('one');
  assert.deepEqual(await count(), { read: 0, write: 0 });
  const read = await registry.use('one', 'read');
  const write = await registry.use('one', 'write');
  assert.deepEqual(await count(), { read: 1, write: 1 });
  const other = spawn('sleep', ['60']);
  t.after(() => other.kill());
  const file = path.join(directories.state, 'active-operations', 'one');
  const entry = (pid: number, starttime: number | undefined) => ({
    pid,
    starttime,
    active_operations: { read: 2, write: 0 },
  });
  const entries = JSON.parse(readFileSync(file, 'utf8')) as unknown[];
  const added = [entry(other.pid!, processStartTicks(other.pid!)), entry(other.pid!, 1), { nonsense: true }];
  writeFileSync(file, JSON.stringify([...entries, ...added]));
  assert.deepEqual(await count(), { read: 3, write: 1 });
  read[Symbol.dispose]();
  read[Symbol.dispose]();
  write[Symbol.dispose]();
  await registry.close();
  assert.deepEqual(await count(), { read: 2, write: 0 });
  writeFileSync(file, 'damaged');
  assert.deepEqual(await count(), { read: 0, write: 0 });
});
