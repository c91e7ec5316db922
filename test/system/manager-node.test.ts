// The manager's commands about the server itself and its machine.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FakeMachine } from '../../src/machine/testing/fake-machine.ts';
import { shellWords } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  const machine = new FakeMachine({ '/etc/resolv.conf': '# kept\nnameserver 192.0.2.1\n' }, {}, '/');
  server = await TestServer.start({ machine });
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the manager, which has to succeed. */
async function manager(line: string): Promise<string> {
  const { code, out, err } = await server.manager(...shellWords(line));
  assert.deepEqual([code, err], [0, ''], line);
  return out;
}
const json = async (line: string) => JSON.parse(await manager(`${line} --output-format json`)) as unknown;
async function refused(line: string): Promise<string> {
  const { code, err } = await server.manager(...shellWords(line));
  assert.equal(code, 255, line);
  return err;
}

test('options of the server are changed, shown and removed', async () => {
  await manager('node update --http-proxy http://proxy.example:3128 --description "Rack 7"');
  assert.match(await manager('node show'), /│ http-proxy {2}│ http:\/\/proxy.example:3128 │/);
  await manager('node update --delete description');
  assert.deepEqual(await json('node show'), { 'http-proxy': 'http://proxy.example:3128' });
  assert.match(await refused('node update --default-lang klingon'), /'default-lang': value does not match/);
  const { 'pbs-instance-id': id } = (await json('node server-identity')) as Record<string, string>;
  assert.match(await manager('node server-identity'), new RegExp(`│ pbs-instance-id │ ${id} │`));
});

test('name servers are shown and set', async () => {
  await manager('dns set --search example.com --dns2 2001:db8::53');
  assert.match(await manager('dns get'), /│ dns1 {3}│ 192\.0\.2\.1 +│[\s\S]*│ dns2 {3}│ 2001:db8::53 +│/);
  await manager('dns set --delete dns1');
  const file = readFileSync(join(server.machine.folder, 'etc/resolv.conf'), 'utf8');
  assert.equal(file, 'search example.com\n# kept\nnameserver 2001:db8::53\n');
  assert.match(await refused('dns set --dns1 nowhere'), /'dns1': value does not match the regex pattern/);
});

test('the subscription is honest', async () => {
  assert.match(await manager('subscription get'), /│ status +│ notfound +│/);
  assert.match(await refused('subscription set pbsc-0123456789'), /no key was set: There are no subscriptions/);
  assert.match(await refused('subscription set-offline-key QUJD'), /no key was set/);
  for (const verb of ['update', 'remove']) {
    const { code, err } = await server.manager('subscription', verb);
    assert.deepEqual([code, err], [0, 'There are no subscriptions for this server, and none is needed.\n']);
  }
});
