// The client's listings against what the product printed for the same data (test/golden).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { runProgram } from '../framework/run.ts';
import { FakeServer } from '../testing/fake-server.ts';
import { FakeTerminal } from '../testing/terminal.ts';
import { clientCommands } from './commands.ts';

process.env['TZ'] = 'UTC';
const golden = new URL('../../../test/golden/pbs-3.2.4/cli/', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, golden), 'utf8');
const json = (name: string): unknown => JSON.parse(text(name));
const base = 'admin/datastore/fixture';
const snapshot = 'host/plain-host/2023-11-15T22:13:20Z';

let server: FakeServer;
before(async () => {
  server = await FakeServer.start();
});
after(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.calls.length = 0;
  server.routes = {
    [`GET ${base}/groups`]: { data: json('list.json') },
    [`GET ${base}/snapshots`]: { data: json('snapshot-list.json') },
    [`GET ${base}/files`]: { data: json('snapshot-files.host_plain-host.2023-11-15T22:13:20Z.json') },
    [`GET ${base}/notes`]: { data: 'first notes line\nsecond: üñï\n' },
    [`GET ${base}/protected`]: { data: true },
    [`GET ${base}/namespace`]: json('namespace-list.json') as { data: unknown },
  };
});

async function run(...words: string[]) {
  const terminal = new FakeTerminal({ env: server.env() });
  const code = await runProgram('proxmox-backup-client', clientCommands, words, terminal);
  return { code, out: terminal.printed, err: terminal.messages };
}

const ok = (out: string) => ({ code: 0, out, err: '' });

test('listings are printed as the product prints them', async () => {
  assert.deepEqual(await run('list'), ok(text('list.txt')));
  assert.deepEqual(await run('snapshot', 'list'), ok(text('snapshot-list.txt')));
  assert.deepEqual(await run('snapshots'), ok(text('snapshot-list.txt')));
  assert.deepEqual(await run('files', snapshot), ok(text('snapshot-files.host_plain-host.2023-11-15T22:13:20Z.txt')));
  assert.deepEqual(await run('namespace', 'list'), ok(text('namespace-list.txt')));
  assert.deepEqual(await run('snapshot', 'notes', 'show', snapshot), ok(text('snapshot-notes.txt')));
  assert.deepEqual(await run('snapshot', 'protected', 'show', snapshot), ok(text('snapshot-protected.txt')));
});

test('listings as JSON are equal byte for byte', async () => {
  const pretty = ['--output-format', 'json-pretty'];
  assert.deepEqual(await run('list', ...pretty), ok(text('list.json')));
  assert.deepEqual(await run('snapshot', 'list', ...pretty), ok(text('snapshot-list.json')));
  assert.deepEqual(
    await run('files', snapshot, ...pretty),
    ok(text('snapshot-files.host_plain-host.2023-11-15T22:13:20Z.json')),
  );
  assert.deepEqual(await run('namespace', 'list', ...pretty), ok(text('namespace-list.json')));
  assert.equal(
    (await run('snapshot', 'protected', 'show', snapshot, '--output-format=json')).out,
    '{"protected":true}\n',
  );
});

test('snapshots may be named by latest, where the product needs the full path', async () => {
  assert.equal((await run('files', 'host/plain-host/latest')).code, 0);
  assert.equal(server.calls.at(-1)!.query.get('backup-time'), '1700086400');
  const { code, err } = await run('files', 'host/plain-host');
  assert.equal(code, 255);
  assert.equal(err, "Error: unable to parse backup snapshot path 'host/plain-host'\n");
});

const pruned = (time: number, id = 'plain-host', keep = true) => ({
  'backup-type': 'host',
  'backup-id': id,
  'backup-time': time,
  keep,
  protected: false,
});

test('prune shows what stays and what goes', async () => {
  server.routes[`POST ${base}/prune`] = { data: [pruned(1700000000), pruned(1700086400)] };
  assert.deepEqual(
    await run('prune', 'host/plain-host', '--dry-run', '--keep-last', '5'),
    ok(text('prune-dry-run.txt')),
  );
  assert.deepEqual(JSON.parse(server.calls[0]!.body), {
    'backup-type': 'host',
    'backup-id': 'plain-host',
    'dry-run': true,
    'keep-last': 5,
  });
  assert.deepEqual(await run('prune', 'host/plain-host', '--quiet', '1'), ok(''));
  server.routes[`POST ${base}/prune`] = {
    data: [
      { ...pruned(1600000000, 'plain-host', false), reason: 'not kept by any rule', 'freed-bytes': 4096 },
      { ...pruned(1700000000), reason: 'keep-last' },
    ],
  };
  const { out, err } = await run('prune', 'host/plain-host', '--reason', '--dry-run', '--keep-last', '1');
  assert.match(out, /│ action │ +frees │ reason +│/);
  assert.match(out, /│ remove │ 4 KiB │ not kept by any rule │/);
  assert.match(out, /│ +keep │ +│ keep-last +│/);
  assert.equal(err, 'would free 4 KiB after the next garbage collection\n');
});

test('prune without a group goes through all groups', async () => {
  server.routes[`POST ${base}/prune`] = (call) => {
    const { 'backup-id': id } = JSON.parse(call.body) as { 'backup-id': string };
    if (id === '100') return { status: 400, text: 'backup owner check failed (admin@pbs != x@pbs)' };
    if (id === '101') return { status: 400, text: 'disk full' };
    return { data: [pruned(1700000000, id, false)] };
  };
  const { code, out, err } = await run('prune', '--output-format', 'json');
  assert.equal((JSON.parse(out) as unknown[]).length, 4);
  assert.match(
    err,
    /^vm\/100: skipped: backup owner check failed .*\nvm\/101: disk full\nError: pruning failed for 1 /,
  );
  assert.equal(code, 255);
});

test('status is a table without header', async () => {
  server.routes[`GET ${base}/status`] = { data: { avail: 62357360640, total: 270553174016, used: 46586933248 } };
  assert.deepEqual(
    await run('status'),
    ok(`┌───────┬───────────────────────┐
│ total │ 270553174016  (100 %) │
├───────┼───────────────────────┤
│ used  │  46586933248   (17 %) │
├───────┼───────────────────────┤
│ avail │  62357360640   (23 %) │
└───────┴───────────────────────┘
`),
  );
});

const upid = 'UPID:vm:000009FD:00037603:00000043:6B03A6A5:garbage_collection:wire:admin@pbs:';
const line = (n: number, t: string) => ({ n, t: `2026-11-23T02:36:21+00:00: ${t}` });

test('a task is followed to its end, and its result decides', async () => {
  const log = `GET nodes/localhost/tasks/${encodeURIComponent(upid)}/log`;
  const state = `GET nodes/localhost/tasks/${encodeURIComponent(upid)}/status`;
  server.routes[`POST ${base}/gc`] = { data: upid };
  server.routes[log] = (call) =>
    call.query.get('start') === '1'
      ? { data: [line(1, 'one'), line(2, 'two')], total: 3, active: true }
      : { data: [line(3, 'TASK OK')], total: 3, active: false };
  server.routes[state] = { data: { status: 'stopped', exitstatus: 'OK' } };
  assert.deepEqual(await run('garbage-collect'), ok('one\ntwo\nTASK OK\n'));
  assert.deepEqual(await run('garbage-collect', '--output-format', 'json'), ok(`"${upid}"\n`));
  server.routes[state] = { data: { status: 'stopped', exitstatus: 'disk full' } };
  const { code, err } = await run('garbage-collect');
  assert.equal(code, 255);
  assert.equal(err, 'Error: task failed (status disk full)\n');
});

test('refusals of the server are printed as they are', async () => {
  server.routes[`DELETE ${base}/snapshots`] = { status: 400, text: 'cannot remove protected snapshot' };
  assert.deepEqual(await run('forget', snapshot), {
    code: 255,
    out: '',
    err: 'Error: cannot remove protected snapshot\n',
  });
});

test('namespaces are created below their parent', async () => {
  server.routes[`POST ${base}/namespace`] = { data: 'a/b' };
  assert.deepEqual(await run('namespace', 'create', 'a/b'), ok(''));
  assert.deepEqual(JSON.parse(server.calls[0]!.body), { name: 'b', parent: 'a' });
  assert.deepEqual(await run('namespace', 'create', 'team'), ok(''));
  assert.deepEqual(JSON.parse(server.calls[1]!.body), { name: 'team', parent: '' });
});

test('the word before the cursor is completed from the server', async () => {
  const terminal = new FakeTerminal({
    env: { ...server.env(), COMP_LINE: 'proxmox-backup-client snapshot list vm/10' },
  });
  await runProgram('proxmox-backup-client', clientCommands, ['bashcomplete'], terminal);
  assert.equal(terminal.printed, 'vm/100\nvm/101\n');
});
