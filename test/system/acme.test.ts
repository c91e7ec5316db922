// Certificates from a real ACME server, by the manager's commands: accounts, challenges by HTTP and DNS, renewal,
// revocation. Everything stays on this machine.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { acmeHttpPortVariable } from '../../src/certificates/http-responder.ts';
import { resolveDirectories } from '../../src/config/directories.ts';
import { startRenewal } from '../../src/jobs/certificate-renewal-job.ts';
import { rootUser } from '../../src/model/auth-id.ts';
import { TaskRegistry } from '../../src/task/task-registry.ts';
import { Pebble, pebbleProgram } from '../support/pebble.ts';
import { type RunOptions, TestServer } from '../support/server.ts';

const macKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

/** Sets and removes records as DNS hooks do, on the name server that the ACME server asks. */
const hookScript = `#!/bin/sh
set -e
echo "$1 $2" >> "$HOOK_LOG"
case $1 in
  add) data="{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}"; path=set-txt ;;
  remove) data="{\\"host\\":\\"$2.\\"}"; path=clear-txt ;;
esac
echo "sending $1"
curl -sS -f -d "$data" "$SERVER/$path"
`;

if (pebbleProgram !== undefined) {
  describe('with an ACME server', () => {
    let pebble: Pebble;
    let server: TestServer;
    before(async () => {
      pebble = await Pebble.start();
      // The system's trusted certificates, as this process sees them from its first look on.
      process.env['SSL_CERT_FILE'] = pebble.caFile;
      process.env[acmeHttpPortVariable] = String(pebble.httpPort);
      server = await TestServer.start();
    });
    after(async () => {
      await server[Symbol.asyncDispose]();
      await pebble[Symbol.asyncDispose]();
    });

    const run = (words: string[], options: RunOptions = {}) =>
      server.run('proxmox-backup-manager', words, { ...options, env: { GRANARY_HOME: server.path('server') } });
    const ok = async (words: string[], options: RunOptions = {}): Promise<string> => {
      const result = await run(words, options);
      assert.equal(result.code, 0, `${words.join(' ')}: ${result.err}${result.out}`);
      return result.out;
    };
    const register = (name: string, directory: string, ...more: string[]) =>
      run(['acme', 'account', 'register', name, 'a@example.com', '--directory', directory, ...more]);
    const config = (...parts: string[]): string => server.path('server', 'etc', ...parts);
    const writeNode = (...lines: string[]): void => writeFileSync(config('node.cfg'), `${lines.join('\n')}\n`);
    const certificate = (): X509Certificate => new X509Certificate(readFileSync(config('proxy.pem')));
    const orderFails = async (reason: RegExp): Promise<void> => {
      const { code, out } = await run(['acme', 'cert', 'order']);
      assert.equal(code, 255);
      assert.match(out.trimEnd().split('\n').at(-1)!, reason);
    };

    test('an account is registered, shown, changed, and its key stays here', async () => {
      const refused = await register('default', pebble.directory);
      assert.equal(refused.code, 255);
      assert.match(refused.err, /^Terms of Service: data:text\/plain.*\nError: the terms .* --agree-tos/);
      const answers = ['2', pebble.directory, 'y'];
      const out = await ok(['acme', 'account', 'register', 'default', 'a@example.com,b@example.com'], { answers });
      assert.match(out, /Registration successful, account URL: https:\/\/localhost:\d+\/my-account\/\w+\nTASK OK\n$/);
      const file = config('acme', 'accounts', 'default');
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const stored = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
      assert.deepEqual(Object.keys(stored).sort(), ['account', 'directoryUrl', 'key', 'location', 'tos']);
      assert.match(String(stored['key']), /^-----BEGIN PRIVATE KEY-----\n/);
      assert.match(await ok(['acme', 'account', 'list']), /│ default │/);
      const again = await register('default', pebble.directory, '--agree-tos');
      assert.match(again.err, /'name': ACME account 'default' already exists\./);
      assert.match(
        await ok(['acme', 'account', 'update', 'default', '--contact', 'c@example.com']),
        /is valid, contact: mailto:c@example\.com\nTASK OK/,
      );
      const shown = await ok(['acme', 'account', 'info', 'default', '--output-format', 'json']);
      const info = JSON.parse(shown) as { account: Record<string, unknown>; directory: string };
      assert.deepEqual(info.account['contact'], ['mailto:c@example.com']);
      assert.equal(info.directory, pebble.directory);
      assert.equal(shown.includes('PRIVATE KEY'), false);
    });

    test('a server that cannot be reached or trusted is named with the reason', async () => {
      const nobody = await register('other', 'https://localhost:1/dir', '--agree-tos');
      assert.match(nobody.err, /^Error: ACME server 'https:\/\/localhost:1\/dir': .*ECONNREFUSED/);
      const untrusted = await register('other', `https://localhost:${server.port}/dir`, '--agree-tos');
      assert.match(untrusted.err, /^Error: ACME server 'https:\/\/localhost:\d+\/dir': self-signed certificate/);
    });

    test('a certificate is ordered by HTTP, and used', async () => {
      assert.match((await run(['acme', 'cert', 'order'])).err, /no domains configured to be ordered/);
      writeNode('acme: account=nobody', 'acmedomain0: backup.example.test');
      assert.match((await run(['acme', 'cert', 'order'])).err, /no such ACME account 'nobody'/);
      writeNode('acme: account=default', 'acmedomain0: backup.example.test', 'acmedomain1: Pbs.example.test');
      const out = await ok(['acme', 'cert', 'order']);
      const lines = [
        "Loading ACME account 'default'",
        'Placing ACME order',
        'The validation for backup.example.test is pending!',
        `Answering the challenge on port ${pebble.httpPort}`,
        'pbs.example.test is validated!',
        'Downloading certificate',
        'TASK OK',
      ];
      for (const line of lines) assert.ok(out.split('\n').includes(line), `${line} is not in:\n${out}`);
      const issued = certificate();
      assert.deepEqual(issued.subjectAltName?.split(', ').sort(), ['DNS:backup.example.test', 'DNS:pbs.example.test']);
      assert.match(issued.issuer, /Pebble Intermediate CA/);
      assert.equal(readFileSync(config('proxy.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)!.length, 2);
      // The next command pins the new certificate, so it is in use.
      await ok(['datastore', 'list']);
      assert.equal(await pebble.statusOf(issued.serialNumber), 'Valid');
    });

    test('the daily check orders a new one when little time is left', async () => {
      const before = certificate();
      const directories = resolveDirectories(server.path('server'), 'home');
      const daysLeft = (days: number) => ({ now: () => before.validToDate.getTime() - days * 86_400_000 });
      const clock = daysLeft(29);
      const tasks = await TaskRegistry.open(directories, clock, 'node');
      assert.equal(await startRenewal({ directories, clock: daysLeft(31), tasks }, { authId: rootUser }), undefined);
      const task = await startRenewal({ directories, clock, tasks }, { authId: rootUser });
      assert.match(task!.upid, /:acme-renew-cert::root@pam:$/);
      assert.equal(await task!.done, 'OK');
      assert.notEqual(certificate().fingerprint256, before.fingerprint256);
      await tasks.shutdown();
    });

    test('a wildcard is ordered by DNS, records are set and removed by a hook', async () => {
      mkdirSync(config('acme', 'dns-hooks'), { recursive: true });
      const hook = config('acme', 'dns-hooks', 'challenge-server');
      writeFileSync(hook, hookScript);
      chmodSync(hook, 0o755);
      writeFileSync(`${hook}.json`, JSON.stringify({ name: 'Test server', fields: { SERVER: { type: 'string' } } }));
      const settings = server.path('settings');
      const log = server.path('hook.log');
      writeFileSync(settings, `# where\nSERVER=${pebble.nameServer}\nHOOK_LOG=${log}\n`);
      const options = ['--api', 'challenge-server', '--data', settings, '--validation-delay', '0'];
      await ok(['acme', 'plugin', 'add', 'dns', 'ns1', ...options]);
      const plugins = await ok(['acme', 'plugin', 'list']);
      assert.match(plugins, /│ ns1 +│ dns +│ challenge-server │\n.*\n│ standalone │ standalone │/);
      assert.equal(statSync(config('acme', 'plugins.cfg')).mode & 0o777, 0o600);

      writeNode('acmedomain0: *.example.test');
      await orderFails(/^TASK ERROR: '\*\.example\.test' can only be ordered with a DNS plugin$/);
      writeNode('acmedomain0: *.example.test,plugin=ns1', 'acmedomain1: example.test,plugin=ns1');
      const out = await ok(['acme', 'cert', 'order']);
      assert.match(out, /^challenge-server: sending add$/m);
      assert.deepEqual(certificate().subjectAltName?.split(', ').sort(), ['DNS:*.example.test', 'DNS:example.test']);
      const once = ['add _acme-challenge.example.test', 'remove _acme-challenge.example.test'];
      assert.deepEqual(readFileSync(log, 'utf8').trim().split('\n'), [...once, ...once]);

      // An alias is looked up through a record that this name server does not have, so it asks for the name itself.
      writeNode('acmedomain0: domain=other.test,alias=alias.test,plugin=ns1');
      await orderFails(/^TASK ERROR: ACME server '.*': validation of other\.test failed: No TXT records found/);
      const last = readFileSync(log, 'utf8').trim().split('\n').slice(4);
      assert.deepEqual(last, ['add _acme-challenge.alias.test', 'remove _acme-challenge.alias.test']);
    });

    test('an order that fails leaves the certificate', async () => {
      const before = certificate().fingerprint256;
      const hook = config('acme', 'dns-hooks', 'challenge-server');
      chmodSync(hook, 0o777);
      await orderFails(/^TASK ERROR: .*is not run: others than its owner root can change it$/);
      writeFileSync(hook, '#!/bin/sh\necho no luck >&2\nexit 3\n');
      chmodSync(hook, 0o755);
      await orderFails(/^TASK ERROR: DNS hook 'challenge-server' could not add .*alias\.test: .*no luck$/);
      await ok(['acme', 'plugin', 'set', 'ns1', '--api', 'no-such-hook']);
      await orderFails(/^TASK ERROR: .*there is no DNS hook 'no-such-hook': put an executable/);
      await ok(['acme', 'plugin', 'set', 'ns1', '--disable']);
      await orderFails(/^TASK ERROR: the ACME plugin 'ns1' is disabled$/);
      await ok(['acme', 'plugin', 'remove', 'ns1']);
      await orderFails(/^TASK ERROR: no such ACME plugin 'ns1', which 'other\.test' names$/);
      assert.equal(certificate().fingerprint256, before);
    });

    test('a certificate is revoked, and a self-signed one is in its place', async () => {
      const { serialNumber } = certificate();
      await ok(['acme', 'cert', 'revoke']);
      assert.equal(await pebble.statusOf(serialNumber), 'Revoked');
      assert.equal(certificate().issuer, certificate().subject);
    });

    test('an account is deactivated; one whose server is gone only by force', async () => {
      const file = config('acme', 'accounts', 'default');
      const stored = readFileSync(file, 'utf8');
      assert.match(await ok(['acme', 'account', 'deactivate', 'default']), /^Deactivated https:/);
      assert.equal(await ok(['acme', 'account', 'list']), '');
      writeFileSync(file, stored.replaceAll('/dir"', '/gone"'));
      assert.equal((await run(['acme', 'account', 'deactivate', 'default'])).code, 255);
      assert.match(await ok(['acme', 'account', 'list']), /default/);
      const out = await ok(['acme', 'account', 'deactivate', 'default', '--force']);
      assert.match(
        out,
        /^error deactivating account 'default', proceeding anyway: ACME server '.*\/gone': .*status 404/,
      );
      assert.match(out, /TASK WARNINGS: 1\n$/);
      assert.equal(await ok(['acme', 'account', 'list']), '');
    });

    test('a server that wants accounts bound to others gets that', async () => {
      await using strict = await Pebble.start({ like: pebble, bindingKeys: { 'kid-1': macKey } });
      const unbound = await register('bound', strict.directory, '--agree-tos');
      assert.match(unbound.out, /TASK ERROR: ACME server '.*': .*external.?account/i);
      const half = await register('bound', strict.directory, '--agree-tos', '--eab-kid', 'kid-1');
      assert.match(half.err, /'eab_hmac_key': an external account binding needs both/);
      const bound = await register(
        'bound',
        strict.directory,
        '--agree-tos',
        '--eab-kid',
        'kid-1',
        '--eab-hmac-key',
        macKey,
      );
      assert.match(bound.out, /TASK OK\n$/);
      assert.match(await ok(['acme', 'account', 'list']), /│ bound │/);
    });
  });
}
