// What stands in examples/, run as it stands: a real Prometheus scrapes a real server over TLS, promtool checks and
// tests the alert rules, the monitoring scripts run with real curl and jq.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { http } from '../../src/os/node-http.ts';
import { findInstalled } from '../support/installed.ts';
import { launch, root, run } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

const examples = join(root, 'examples');
let server: TestServer;
let token: string;

before(async () => {
  server = await TestServer.start();
  await server.datastore('ds1');
  mkdirSync(server.path('data'));
  writeFileSync(server.path('data', 'file'), 'content '.repeat(1000));
  const backup = await server.client('ds1', ['backup', `data.pxar:${server.path('data')}`, '--backup-id', 'web']);
  assert.equal(backup.code, 0, backup.err);
  const made = await Promise.all([server.manager('garbage-collection', 'start', 'ds1')]);
  assert.equal(made[0]?.code, 0, made[0]?.err);
  // As examples/README.md says.
  await server.manager('user', 'create', 'monitor@pbs');
  const generated = await server.manager('user', 'generate-token', 'monitor@pbs', 'scrape');
  const secret = /"value":\s*"([^"]+)"/.exec(generated.out)?.[1];
  assert.ok(secret, generated.out + generated.err);
  for (const authId of ['monitor@pbs', 'monitor@pbs!scrape']) {
    await server.manager('acl', 'update', '/', 'Audit', '--auth-id', authId);
  }
  token = `monitor@pbs!scrape:${secret}`;
});
after(() => server[Symbol.asyncDispose]());

test('the dashboard and the alerts name figures that there are', () => {
  const source = ['src/api/status/metric-families.ts', 'src/metrics/server-counters.ts']
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('');
  const dashboard = JSON.parse(readFileSync(join(examples, 'grafana', 'granary.json'), 'utf8')) as {
    panels: { id: number; targets?: { expr: string }[] }[];
  };
  const ids = dashboard.panels.map((panel) => panel.id);
  assert.equal(new Set(ids).size, ids.length);
  const expressions = dashboard.panels.flatMap((panel) => panel.targets ?? []).map((target) => target.expr);
  expressions.push(readFileSync(join(examples, 'prometheus', 'granary-alerts.yml'), 'utf8'));
  const names = expressions.flatMap((text) => [...text.matchAll(/\b(?:pbs|host)_[a-z0-9_]+/g)].map(([name]) => name));
  assert.ok(names.length > 40);
  for (const name of names) assert.ok(source.includes(name.replace(/_bucket$/, '')), name);
});

const promtool = findInstalled('promtool', 'prometheus');
if (promtool !== undefined) {
  test('promtool takes the alert rules, and their thresholds are those of their tests', async () => {
    const cwd = join(examples, 'prometheus');
    for (const words of [
      ['check', 'rules', 'granary-alerts.yml'],
      ['test', 'rules', 'granary-alerts-test.yml'],
    ]) {
      const { code, out, err } = await run([promtool, ...words], { cwd });
      assert.equal(code, 0, out + err);
      assert.match(out, /SUCCESS/);
    }
  });
}

/** A GET call to a server without TLS; what it cannot answer yet is undefined. */
function get(url: string): Promise<unknown> {
  return new Promise((resolve) => {
    const request = http.get(url, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => {
        text += part.toString();
      });
      response.on('end', () => resolve(response.statusCode === 200 ? JSON.parse(text) : undefined));
    });
    request.on('error', () => resolve(undefined));
  });
}

const prometheus = findInstalled('prometheus', 'prometheus');
if (prometheus !== undefined) {
  test('a Prometheus with the example configuration scrapes the server and evaluates the alerts', async () => {
    const folder = server.path('prometheus');
    mkdirSync(folder);
    writeFileSync(join(folder, 'token'), `${token}\n`);
    const rules = readFileSync(join(examples, 'prometheus', 'granary-alerts.yml'));
    writeFileSync(join(folder, 'granary-alerts.yml'), rules);
    const example = readFileSync(join(examples, 'prometheus', 'prometheus.yml'), 'utf8');
    const config = example
      .replace('scrape_interval: 60s', 'scrape_interval: 1s\n  evaluation_interval: 1s')
      .replace('/etc/prometheus/granary.token', join(folder, 'token'))
      .replace('/etc/prometheus/granary.pem', server.path('server', 'etc', 'proxy.pem'))
      .replace('backup.example.com:8007', `localhost:${server.port}`);
    writeFileSync(join(folder, 'prometheus.yml'), config);
    const started = launch([
      'sh',
      '-c',
      'exec "$0" "$@" 2>&1',
      prometheus,
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ]);
    try {
      const [, address] = await started.shown(/msg="?Listening on"? address=(\S+)/);
      const query = async (expression: string): Promise<string | undefined> => {
        const url = `http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`;
        const answer = (await get(url)) as { data: { result: { value: [number, string] }[] } } | undefined;
        return answer?.data.result[0]?.value[1];
      };
      const until = async (expression: string): Promise<string> => {
        for (;;) {
          const value = await query(expression);
          if (value !== undefined) return value;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      };
      assert.equal(await until('up{job="granary"} == 1'), '1');
      assert.equal(await until('pbs_up'), '1');
      const usage = Number(await until('pbs_datastore_usage_ratio{datastore="ds1"}'));
      assert.ok(usage > 0 && usage <= 1);
      assert.equal(await until('pbs_snapshot_count{datastore="ds1",type="host"}'), '1');
      assert.equal(await until('pbs_backup_consecutive_failures{datastore="ds1"}'), '0');
      assert.ok(Number(await until('sum(pbs_session_request_duration_seconds_count{session="backup"})')) > 3);
      assert.ok(Number(await until('pbs_network_receive_bytes_total')) > 1000);
      const groups = (await get(`http://${address}/api/v1/rules`)) as {
        data: { groups: { rules: { name: string; health: string }[] }[] };
      };
      const loaded = groups.data.groups.flatMap((group) => group.rules);
      assert.equal(loaded.length, 14);
      assert.ok(loaded.every((rule) => rule.health !== 'err'));
    } finally {
      started.kill('SIGTERM');
      await started.ended;
    }
  });
}

const tools = findInstalled('curl', 'curl') !== undefined && findInstalled('jq', 'jq') !== undefined;
if (tools) {
  const script = (name: string, ...words: string[]) =>
    run([join(examples, 'monitoring', name), ...words], {
      env: {
        GRANARY_URL: `https://localhost:${server.port}`,
        GRANARY_TOKEN: token,
        GRANARY_CACERT: server.path('server', 'etc', 'proxy.pem'),
      },
    });

  test('the check tells space and failed tasks, and its exit code how bad it is', async () => {
    const fine = await script('check-datastores', '-w', '99.9', '-c', '100');
    assert.equal(fine.code, 0, fine.out + fine.err);
    assert.match(
      fine.out,
      /^OK - ds1 \d+% \(dedup [\d.]+\); 0 failed tasks in 24 h \| ds1=[\d.]+%;99.9;100;0;100 failed=0\n$/,
    );
    const full = await script('check-datastores', '-w', '0', '-c', '0.00001');
    assert.equal(full.code, 2, full.out + full.err);
    assert.match(full.out, /^CRITICAL - ds1/);
    const failed = await server.client('ds1', ['restore', 'host/none/2020-01-01T00:00:00Z', 'data.pxar', '/none']);
    assert.notEqual(failed.code, 0);
    assert.notEqual((await server.manager('sync-job', 'run', 'none')).code, 0);
    writeFileSync(
      server.path(
        'ds1',
        'host',
        'web',
        readdirSync(server.path('ds1', 'host', 'web')).find((name) => name.startsWith('2'))!,
        'data.pxar.didx',
      ),
      'damaged',
    );
    assert.notEqual((await server.manager('verify', 'ds1')).code, 0);
    const warned = await script('check-datastores', '-w', '99.9', '-c', '100');
    assert.equal(warned.code, 1, warned.out + warned.err);
    assert.match(warned.out, /^WARNING - .*; 1 failed tasks in 24 h: 1 verify\w* \|/);
  });

  test('the check does not take silence for health', async () => {
    const { code, out } = await run([join(examples, 'monitoring', 'check-datastores')], {
      env: { GRANARY_URL: `https://localhost:${server.port}`, GRANARY_TOKEN: `${token}x` },
    });
    assert.equal(code, 3);
    assert.match(out, /^UNKNOWN - /);
  });

  test('the report', async () => {
    const { code, out, err } = await script('daily-report');
    assert.equal(code, 0, out + err);
    assert.match(
      out,
      /^Report of 2\d{3}-\d\d-\d\d \d\d:\d\d\n\nSpace\n {2}ds1: [\d.]+ \w+ of [\d.]+ \w+ used \(\d+%\), each byte stands for [\d.]+/,
    );
    assert.match(
      out,
      /\n\nBackups: 1 done, 0 failed\n.* backup ds1:host\/web {2}OK\n\nErrors\n.* verify.* ds1 .*\n\nRunning\n {2}none\n$/s,
    );
  });

  test('the requests of the guide with its jq filters', async () => {
    const guide = (path: string, filter: string) =>
      run([
        'sh',
        '-c',
        'curl -sk -H "Authorization: PBSAPIToken=$1" "https://localhost:$2/api2/json/$3" | jq -r "$4"',
        'sh',
        token,
        String(server.port),
        path,
        filter,
      ]);
    const usage = await guide(
      'status/datastore-usage',
      '.data[] | select(.store == "ds1") | (.used * 100 / .total | floor), (.dedup // 1)',
    );
    assert.match(usage.out, /^\d+\n[\d.]+\n$/);
    const failed = await guide(
      'nodes/localhost/tasks?status-class=1',
      '[.data[] | select(.status == "error")] | length',
    );
    assert.equal(failed.out, '1\n');
    const byState = await guide(
      'nodes/localhost/tasks',
      '[.data[] | select(.state == "error" and .starttime > 0)] | length',
    );
    assert.equal(byState.out, '1\n');
    const set = await server.manager('node', 'update', '--api-guide-status', 'true');
    assert.equal(set.code, 0, set.err);
    const literal = await guide('nodes/localhost/tasks', '[.data[] | select(.status == "error")] | length');
    assert.equal(literal.out, '1\n', 'with the option of the server');
    const back = await server.manager('node', 'update', '--delete', 'api-guide-status');
    assert.equal(back.code, 0, back.err);
    const real = await guide('nodes/localhost/tasks', '[.data[] | select(.status == "error")] | length');
    assert.equal(real.out, '0\n');
    assert.match((await guide('nodes/localhost/tasks?typefilter=backup&limit=50', '.data | length')).out, /^1\n$/);
    assert.match((await guide('nodes/localhost/tasks?statusfilter=error&limit=20', '.data | length')).out, /^1\n$/);
    assert.match((await guide('nodes/localhost/tasks?running=true', '.data | length')).out, /^0\n$/);
  });
}

test('a running backup is followed in its log, and stops within a second of being told to', async () => {
  const pipe = server.path('pipe');
  execFileSync('mkfifo', [pipe]);
  const writer = await open(pipe, 'r+');
  try {
    const backup = server.client('ds1', ['backup', `endless.img:${pipe}`, '--backup-id', 'endless']);
    await writer.write('the beginning');
    const tasks = async (...words: string[]) => {
      const { out } = await server.manager('task', 'list', ...words, '--output-format', 'json');
      return JSON.parse(out) as { upid: string; worker_type: string; status?: string }[];
    };
    let upid: string | undefined;
    while (upid === undefined)
      upid = (await tasks()).find((task) => task.worker_type === 'backup' && !task.status)?.upid;
    const following = server.manager('task', 'log', upid);
    assert.equal((await server.manager('task', 'stop', upid)).code, 0);
    const { out, code } = await following;
    assert.notEqual(code, undefined);
    assert.match(out, /starting new backup on datastore 'ds1'.*received abort request.*TASK ERROR: .*abort/s);
    const folder = server.path('server', 'log', 'tasks');
    const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith(upid));
    const log = readFileSync(join(folder, file!), 'utf8');
    const at = (text: RegExp): number => Date.parse(text.exec(log)![1]!);
    assert.ok(at(/^(\S+): TASK ERROR/m) - at(/^(\S+): received abort/m) <= 1000, log);
    // Only the end of its input wakes the client.
    await writer.close();
    assert.notEqual((await backup).code, 0);
  } finally {
    await writer.close();
  }
});
