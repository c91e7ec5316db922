import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveDirectories } from '../config/directories.ts';
import { formatExposition } from './exposition.ts';
import { ServerCounters } from './server-counters.ts';

/** Counts in a process of its own until it is killed. */
const child = `
  const { ServerCounters } = await import(${JSON.stringify(new URL('./server-counters.ts', import.meta.url).href)});
  const { resolveDirectories } = await import(${JSON.stringify(new URL('../config/directories.ts', import.meta.url).href)});
  const counters = new ServerCounters(resolveDirectories(process.argv[1], 'home'));
  counters.add('pbs_network_receive_bytes_total', {}, 1000);
  counters.observe('pbs_http_request_duration_seconds', { method: 'GET', code: '2xx' }, 0.3);
  counters.addSource(() => [['pbs_processes', {}, 1]]);
  counters.start();
  setInterval(() => {}, 1000);
`;

async function text(counters: ServerCounters): Promise<string> {
  return formatExposition(await counters.families());
}

test('the counts of all processes are summed up, and those of ended ones stay', async (t) => {
  const home = fs.mkdtempSync(join(tmpdir(), 'granary-counters-'));
  const directories = resolveDirectories(home, 'home');
  fs.mkdirSync(directories.run);
  const one = new ServerCounters(directories);
  one.addSource(() => [
    ['pbs_processes', {}, 1],
    ['pbs_network_receive_bytes_total', {}, 24],
  ]);
  one.observe('pbs_http_request_duration_seconds', { method: 'GET', code: '2xx' }, 0.0004);
  one.observe('pbs_http_request_duration_seconds', { method: 'GET', code: '2xx' }, 99);
  assert.match(await text(one), /pbs_network_receive_bytes_total 24\n/, 'what is not shared yet counts too');
  one.start();

  const other = spawn(process.execPath, ['--input-type=module', '-e', child, home], { stdio: 'inherit' });
  t.after(() => other.kill('SIGKILL'));
  const files = join(directories.run, 'counters');
  const isOfOther = (name: string): boolean => name.startsWith(`${other.pid}-`) && name.endsWith('.json');
  while (!(fs.existsSync(files) && fs.readdirSync(files).some(isOfOther))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const both = await text(one);
  assert.match(both, /pbs_processes 2\n/);
  assert.match(both, /pbs_network_receive_bytes_total 1024\n/);
  assert.match(both, /pbs_http_request_duration_seconds_bucket\{method="GET",code="2xx",le="0.001"\} 1\n/);
  assert.match(both, /_bucket\{method="GET",code="2xx",le="0.5"\} 2\n/);
  assert.match(both, /_bucket\{method="GET",code="2xx",le="\+Inf"\} 3\n/);
  assert.match(both, /_count\{method="GET",code="2xx"\} 3\n/);

  other.kill('SIGKILL');
  await once(other, 'exit');
  assert.match(await text(one), /pbs_processes 1\n/);
  assert.match(await text(one), /pbs_network_receive_bytes_total 1024\n/);
  await one.stop();
  assert.deepEqual(
    fs.readdirSync(files).sort(),
    ['.lock', 'ended.json'],
    'one file holds what ended processes counted',
  );
  const next = new ServerCounters(directories);
  assert.match(await text(next), /pbs_network_receive_bytes_total 1024\n/);
  assert.doesNotMatch(await text(next), /pbs_processes/);
  next.start();
  await next.stop();
  assert.match(await text(new ServerCounters(directories)), /pbs_network_receive_bytes_total 1024\n/);
  fs.writeFileSync(join(files, 'ended.json'), '{"counters":');
  assert.doesNotMatch(await text(new ServerCounters(directories)), /1024/, 'a damaged file begins anew');
  fs.rmSync(home, { recursive: true });
});

test('values of labels are quoted', () => {
  const labels = { id: 'a"b\\c\nd' };
  assert.equal(
    formatExposition([{ name: 'x', help: 'Line\nbreak.', type: 'gauge', samples: [{ labels, value: 0.5 }] }]),
    '# HELP x Line\\nbreak.\n# TYPE x gauge\nx{id="a\\"b\\\\c\\nd"} 0.5\n',
  );
  assert.equal(formatExposition([{ name: 'x', help: '', type: 'gauge', samples: [{ value: undefined }] }]), '');
});
