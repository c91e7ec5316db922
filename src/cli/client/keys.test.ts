// Key commands: against the product's key files and listings, and round trips through every form.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CryptConfig } from '../../crypto/crypt-config.ts';
import { openKeyFile, parseKeyFile } from '../../crypto/key-file.ts';
import { wrapKey } from '../../crypto/master-key.ts';
import { encodeBlob } from '../../format/blob.ts';
import { runProgram } from '../framework/run.ts';
import { FakeTerminal } from '../testing/terminal.ts';
import { clientCommands } from './commands.ts';

const golden = fileURLToPath(new URL('../../../test/golden/pbs-3.2.4/', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'granary-keys-'));
after(() => rmSync(dir, { recursive: true }));
const path = (name: string): string => join(dir, name);

async function run(words: string[], o: ConstructorParameters<typeof FakeTerminal>[0] = {}) {
  const terminal = new FakeTerminal({ ...o, env: { HOME: dir, ...o.env } });
  const code = await runProgram('proxmox-backup-client', clientCommands, ['key', ...words], terminal);
  return { code, out: terminal.printed, err: terminal.messages };
}

const keyOf = (name: string, passphrase = '') =>
  openKeyFile(parseKeyFile(readFileSync(path(name), 'utf8'), name), async () => passphrase);

test('key show is equal to what the product shows', async () => {
  for (const name of ['enc-none', 'enc-scrypt']) {
    const { out } = await run(['show', `${golden}keys/${name}.key`, '--output-format', 'json-pretty']);
    assert.equal(out.replaceAll(golden, ''), readFileSync(`${golden}cli/key-show.${name}.json`, 'utf8'));
  }
  const { out } = await run([
    'show-master-pubkey',
    `${golden}keys/master-public.pem`,
    '--output-format',
    'json-pretty',
  ]);
  assert.equal(out.replaceAll(golden, ''), readFileSync(`${golden}cli/key-show-master-pubkey.json`, 'utf8'));
});

test('a key is created once, readable by its owner only', async () => {
  assert.deepEqual(await run(['create', path('a.json'), '--kdf', 'none']), { code: 0, out: '', err: '' });
  assert.equal(statSync(path('a.json')).mode & 0o777, 0o600);
  const again = await run(['create', path('a.json'), '--kdf', 'none']);
  assert.equal(again.code, 255);
  assert.match(again.err, /exists already/);
});

test('the default key lies in the configuration directory', async () => {
  assert.equal((await run(['create', '--kdf', 'none'])).code, 0);
  assert.match((await run(['show'])).out, /\.config\/proxmox-backup\/encryption-key\.json/);
});

test('the passphrase is asked for twice, or taken from the environment', async () => {
  assert.equal((await run(['create', path('b.json')], { answers: ['secret1', 'secret1'] })).code, 0);
  assert.match((await run(['create', path('x.json')], { answers: ['secret1', 'secret2'] })).err, /Password mismatch/);
  assert.match((await run(['create', path('x.json')], { answers: ['abc'] })).err, /Password is too short!/);
  assert.match((await run(['create', path('x.json')])).err, /PBS_ENCRYPTION_PASSWORD/);
  const env = { PBS_ENCRYPTION_PASSWORD: 'secret1' };
  assert.equal((await run(['create', path('c.json'), '--kdf', 'pbkdf2', '--hint', 'h'], { env })).code, 0);
  await keyOf('b.json', 'secret1');
  await keyOf('c.json', 'secret1');
});

test('a changed passphrase keeps key and time of creation', async () => {
  const before = await keyOf('b.json', 'secret1');
  assert.equal(
    (await run(['change-passphrase', path('b.json')], { answers: ['secret1', 'newer1', 'newer1'] })).code,
    0,
  );
  const after = await keyOf('b.json', 'newer1');
  assert.deepEqual([after.key, after.created], [before.key, before.created]);
  assert.equal((await run(['change-passphrase', path('b.json'), '--kdf', 'none'], { answers: ['wrong1'] })).code, 255);
});

test('the master key opens what backups carry, as ciphertext and as blob', async () => {
  const key = CryptConfig.fromKey(Buffer.alloc(32, 7)).encKey;
  const sealed = wrapKey(readFileSync(`${golden}keys/master-public.pem`, 'utf8'), key, 1000, 2000);
  writeFileSync(path('sealed'), sealed);
  writeFileSync(path('sealed.blob'), encodeBlob(sealed));
  const master = `${golden}keys/master-private.pem`;
  const env = { PBS_ENCRYPTION_PASSWORD: 'master-passphrase-789' };
  const recovered = await run(
    [
      'recover-master',
      '--master-keyfile',
      master,
      '--encrypted-keyfile',
      path('sealed.blob'),
      '--output',
      path('r.json'),
    ],
    { env },
  );
  assert.deepEqual(recovered, { code: 0, out: '', err: '' });
  assert.deepEqual(Buffer.from((await keyOf('r.json')).key), Buffer.from(key));
  const imported = await run(['import-with-master-key', master, path('sealed'), path('i.json')], {
    answers: ['master-passphrase-789', 'secret1', 'secret1'],
  });
  assert.deepEqual(imported, { code: 0, out: '', err: '' });
  assert.equal((await keyOf('i.json', 'secret1')).created, 1000);
});

test('a public master key becomes the default', async () => {
  assert.equal((await run(['import-master-pubkey', `${golden}keys/master-public.pem`])).code, 0);
  assert.match((await run(['show-master-pubkey'])).out, /master-public\.pem/);
  assert.equal((await run(['import-master-pubkey', `${golden}keys/enc-none.key`])).code, 255);
});
