// Guide rows of section S09 and verification by hand, on a datastore with a real backup.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
  await server.datastore('ds1');
  await writeFile(server.path('host.conf'), 'a line\n'.repeat(1000));
  const backup = await server.client('ds1', ['backup', `host.conf:${server.path('host.conf')}`, '--backup-id', 'one']);
  assert.equal(backup.code, 0, backup.err);
});
after(() => server[Symbol.asyncDispose]());

/** Runs what follows the program's name in a row of the guide. */
const manager = (line: string) => server.manager(...line.split(' '));

test('S09-1: a collection shows its phases', async () => {
  const { code, out } = await manager('garbage-collection start ds1');
  assert.equal(code, 0);
  for (const line of ['starting garbage collection on store ds1', 'Start GC phase1 (mark used chunks)', 'TASK OK']) {
    assert.ok(out.split('\n').includes(line), `${line} in ${out}`);
  }
});

test('S09-2 and S09-3: status has the figures of the last run and the time of the next', async () => {
  const update = await server.manager('datastore', 'update', 'ds1', '--gc-schedule', 'sat 02:00');
  assert.equal(update.code, 0, update.err);
  const { out } = await manager('garbage-collection status ds1');
  for (const name of ['index-file-count', 'last-run-state', 'next-run', 'schedule']) {
    assert.match(out, new RegExp(`│ ${name} +│`), name);
  }
  const json = JSON.parse((await manager('garbage-collection status ds1 --output-format json')).out);
  assert.deepEqual([json['last-run-state'], json.schedule], ['OK', 'sat 02:00']);
  assert.match((await manager('garbage-collection list')).out, /│ ds1 +│.*│ OK +│ sat 02:00 │/);
});

test('who takes up the space is shown, exactly after a collection', async () => {
  let { code, out, err } = await manager('datastore usage ds1 --level snapshot');
  while (err.includes('still being counted'))
    ({ code, out, err } = await manager('datastore usage ds1 --level snapshot'));
  assert.equal(code, 0, err);
  assert.match(out, /│ name +│ +unique │ shared │ snapshots │/);
  assert.match(out, /│ root namespace +│ +\d+ B │ +0 B │ +1 │/);
  assert.match(out, /│ host\/one +│ +\d+ B │ +0 B │ +1 │/);
  assert.match(out, /│ host\/one\/\d{4}-.*Z +│ +\d+ B │ +0 B │ +│/);
  assert.match(err, /^exact; all chunks were measured at 20/m);
  const json = JSON.parse((await manager('datastore usage ds1 --group host/one --limit 1 --output-format json')).out);
  assert.deepEqual([json.total, json.entries.length], [2, 1]);
  const wrong = await manager('datastore usage ds1 --group host');
  assert.deepEqual([wrong.code, wrong.err.split('\n')[0]], [255, "Error: '--group host' is not TYPE/ID of a group"]);
});

test('a datastore is verified by hand', async () => {
  const { code, out } = await manager('verify ds1 --ignore-verified false');
  assert.deepEqual([code, out.trimEnd().split('\n').at(-1)], [0, 'TASK OK']);
  assert.match(out, /verify ds1:host\/one\//);
});
