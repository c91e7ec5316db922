// The guide's commands for datastores and its HTTP requests by their literal text; only host names, ports, paths and
// secrets are adapted. Requests go through curl where there is one.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { unpackFixture } from '../support/fixture.ts';
import { productFile } from '../support/golden.ts';
import { has, run, shellWords } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the guide. */
async function command(line: string) {
  const [program, ...words] = shellWords(line);
  const env = { ...server.env('ds1'), GRANARY_HOME: server.path('server') };
  const result = await server.run(program!, words, { env });
  assert.equal(result.code, 0, `${line}\n${result.err}`);
  return result;
}

interface Answer {
  status: number;
  body: string;
  /** The member `data` of a JSON body. */
  data: unknown;
}

/** A request as the guide makes it with `curl -k`: form fields in the body, headers. */
async function curl(
  method: string,
  path: string,
  o: { form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const url = `https://localhost:${server.port}/api2/json/${path}`;
  const headers = Object.entries(o.headers ?? {});
  const form = o.form === undefined ? undefined : new URLSearchParams(o.form).toString();
  let status: number;
  let body: string;
  if (has('curl')) {
    const words = ['curl', '-s', '-k', '-X', method, '-w', '\n%{http_code}', url];
    for (const [name, value] of headers) words.push('-H', `${name}: ${value}`);
    for (const [name, value] of Object.entries(o.form ?? {})) words.push('--data-urlencode', `${name}=${value}`);
    const { code, out, err } = await run(words);
    assert.equal(code, 0, err);
    const at = out.lastIndexOf('\n');
    status = Number(out.slice(at + 1));
    body = out.slice(0, at);
  } else {
    [status, body] = await new Promise((done, failed) => {
      const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
      const options = { method, rejectUnauthorized: false, headers: { ...Object.fromEntries(headers), ...type } };
      const sent = request(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => done([response.statusCode ?? 0, text]));
      });
      sent.on('error', failed).end(form);
    });
  }
  return { status, body, data: body.startsWith('{') ? (JSON.parse(body) as { data: unknown }).data : undefined };
}

test('S02-1 and S02-2: a datastore is created with its progress shown, and listed', async () => {
  const path = server.path('backup-pool', 'datastore1');
  const line = `proxmox-backup-manager datastore create ds1 ${path} --comment "Primary backup datastore"`;
  const { out } = await command(line);
  assert.match(out, /%/, 'progress');
  assert.match(out, /TASK OK\n$/);
  assert.equal(readdirSync(`${path}/.chunks`).length, 65536);
  assert.ok(existsSync(`${path}/.lock`));
  const listed = (await command('proxmox-backup-manager datastore list')).out;
  assert.match(listed, new RegExp(`│ ds1 {2}│ ${path} │ Primary backup datastore │`));
});

test('S15-1: a datastore that the original product wrote is recognised with all its snapshots', async () => {
  const path = unpackFixture();
  await command(`proxmox-backup-manager datastore create recovered ${path}`);
  const { out } = await server.client('recovered', ['snapshot', 'list', '--output-format', 'json']);
  const products = JSON.parse(productFile('cli/snapshot-list.json').toString()) as unknown[];
  assert.equal((JSON.parse(out) as unknown[]).length, products.length);
  const verified = await server.client('recovered', ['verify', 'host/plain-host/2023-11-15T22:13:20Z']);
  assert.equal(verified.code, 0, verified.out);
});

test('S14-1: a ticket is given for user and password', async () => {
  const { status, data } = await curl('POST', 'access/ticket', {
    form: { username: 'admin@pbs', password: 'admin-password' },
  });
  const login = data as { username: string; ticket: string; CSRFPreventionToken: string };
  assert.equal(status, 200);
  assert.equal(login.username, 'admin@pbs');
  assert.match(login.ticket, /^PBS:admin@pbs:[0-9A-F]{8}::/);
  assert.match(login.CSRFPreventionToken, /^[0-9A-F]{8}:/);
  const cookie = { Cookie: `PBSAuthCookie=${encodeURIComponent(login.ticket)}` };
  assert.equal((await curl('GET', 'version', { headers: cookie })).status, 200);
  const refused = await curl('POST', 'access/ticket', { form: { username: 'admin@pbs', password: 'wrong' } });
  assert.deepEqual([refused.status, refused.body], [401, 'permission check failed.']);
});

test('S14-2 to S14-4: datastores, snapshots and figures are read with an API token', async () => {
  const headers = await monitorHeaders();
  const stores = (await curl('GET', 'config/datastore', { headers })).data as { name: string }[];
  assert.deepEqual(stores.map((store) => store.name).sort(), ['ds1', 'recovered']);
  const snapshots = (await curl('GET', 'admin/datastore/ds1/snapshots', { headers })).data;
  assert.deepEqual(snapshots, []);
  const status = (await curl('GET', 'admin/datastore/ds1/status', { headers })).data as Record<string, number>;
  assert.ok(status['total']! > 0 && status['used']! > 0 && status['avail']! > 0);
  assert.equal((await curl('GET', 'config/datastore')).status, 401);
});

test('S14-8: a snapshot is deleted with parameters in the query', async () => {
  const headers = await monitorHeaders();
  const conf = server.path('vm.conf');
  writeFileSync(conf, 'cores: 1\n');
  for (const time of [1707638400, 1707638500]) {
    await command(
      `proxmox-backup-client backup vm.conf:${conf} --backup-type vm --backup-id 100 --backup-time ${time}`,
    );
  }
  const query = 'backup-type=vm&backup-id=100&backup-time=1707638400';
  const deleted = await curl('DELETE', `admin/datastore/ds1/snapshots?${query}`, { headers });
  assert.deepEqual([deleted.status, deleted.data], [200, null]);
  const left = (await curl('GET', 'admin/datastore/ds1/snapshots', { headers })).data as { 'backup-time': number }[];
  assert.deepEqual(
    left.map((s) => s['backup-time']),
    [1707638500],
  );
});

test('S14-9 and S14-10: running tasks are listed, and the log of a task is read', async () => {
  const headers = await monitorHeaders();
  assert.deepEqual((await curl('GET', 'nodes/localhost/tasks?running=true', { headers })).data, []);
  const tasks = (await curl('GET', 'nodes/localhost/tasks?typefilter=backup&limit=50', { headers })).data as {
    upid: string;
    status: string;
  }[];
  assert.deepEqual(
    tasks.map((task) => task.status),
    ['OK', 'OK'],
  );
  const log = await curl('GET', `nodes/localhost/tasks/${encodeURIComponent(tasks[0]!.upid)}/log`, { headers });
  const lines = log.data as { n: number; t: string }[];
  assert.equal(lines[0]!.n, 1);
  assert.match(lines.at(-1)!.t, /TASK OK$/);
});

test('S14-7: a group is pruned, and what was kept and removed is listed', async () => {
  const headers = await monitorHeaders();
  // The newer one of the same day.
  await command(
    `proxmox-backup-client backup vm.conf:${server.path('vm.conf')} --backup-type vm --backup-id 100 --backup-time 1707638600`,
  );
  const form = { 'backup-type': 'vm', 'backup-id': '100', 'keep-daily': '7', 'keep-weekly': '4' };
  const { status, data } = await curl('POST', 'admin/datastore/ds1/prune', { headers, form });
  assert.equal(status, 200);
  const listed = (data as Record<string, unknown>[]).map((item) => [item['backup-time'], item['keep'], item['mark']]);
  assert.deepEqual(listed, [
    [1707638500, false, 'remove'],
    [1707638600, true, 'keep'],
  ]);
  const left = (await curl('GET', 'admin/datastore/ds1/snapshots', { headers })).data as { 'backup-time': number }[];
  assert.deepEqual(
    left.map((s) => s['backup-time']),
    [1707638600],
  );
});

let monitor: Record<string, string> | undefined;
/** Headers of a token as the guide's scripts use it. */
async function monitorHeaders(): Promise<Record<string, string>> {
  if (monitor) return monitor;
  const { out } = await command('proxmox-backup-manager user generate-token admin@pbs monitor');
  const { tokenid, value } = JSON.parse(out.slice('Result: '.length)) as { tokenid: string; value: string };
  await command(`proxmox-backup-manager acl update / Admin --auth-id '${tokenid}'`);
  monitor = { Authorization: `PBSAPIToken=${tokenid}:${value}` };
  return monitor;
}
