import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { systemClock } from '../base/clock.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { parseKeyFile } from '../crypto/key-file.ts';
import { createDirectories, resolveDirectories } from './directories.ts';
import { EncryptionKeyConfig } from './encryption-key-config.ts';

async function config(t: TestContext): Promise<EncryptionKeyConfig> {
  const home = fs.mkdtempSync(join(tmpdir(), 'granary-keys-'));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const directories = resolveDirectories(home, 'home');
  await createDirectories(directories);
  return new EncryptionKeyConfig(directories);
}

test('a key is made, read by nobody else, archived, taken back and removed with its file', async (t) => {
  const keys = await config(t);
  const made = await keys.createKey('offsite', undefined, systemClock);
  const path = keys.keyPath('offsite');
  assert.equal((fs.statSync(path).mode & 0o777).toString(8), '640');
  assert.equal((fs.statSync(join(path, '..')).mode & 0o777).toString(8), '700');
  assert.equal((await keys.open('offsite')).fingerprint, made.fingerprint);
  assert.deepEqual(keys.list().data, [made]);
  assert.ok(!fs.readFileSync(keys.file.path, 'utf8').includes('data'));
  const before = fs.readFileSync(path);
  await assert.rejects(keys.createKey('offsite', undefined, systemClock), /encryption key 'offsite' already exists/);
  assert.deepEqual(fs.readFileSync(path), before, 'the key of that name is still itself');
  await keys.toggleArchived('offsite', systemClock);
  assert.ok(keys.get('offsite').data['archived-at']! > 1_700_000_000);
  assert.equal((await keys.open('offsite')).fingerprint, made.fingerprint, 'what it has encrypted can be read');
  await keys.toggleArchived('offsite', systemClock);
  assert.equal(keys.get('offsite').data['archived-at'], undefined);
  const refuse = () => {
    throw new Error('in use');
  };
  await assert.rejects(keys.removeKey('offsite', refuse), /in use/);
  assert.ok(fs.existsSync(path));
  await keys.removeKey('offsite', () => {});
  assert.deepEqual([keys.list().data, fs.existsSync(path)], [[], false]);
  await assert.rejects(keys.open('offsite'), /no such sync-key 'offsite'/);
});

test('a key file of the original is taken over, one with a passphrase is not', async (t) => {
  const keys = await config(t);
  const text = productFile('keys/enc-none.key').toString();
  const { fingerprint } = await keys.createKey('taken', text, systemClock);
  assert.equal(fingerprint, CryptConfig.fromKey(parseKeyFile(text, 'key').data).fingerprint);
  assert.equal((await keys.open('taken')).fingerprint, fingerprint);
  const locked = productFile('keys/enc-scrypt.key').toString();
  await assert.rejects(
    keys.createKey('locked', locked, systemClock),
    /key of 'locked' is locked with a passphrase \(scrypt\)/,
  );
  await assert.rejects(keys.createKey('nonsense', '{}', systemClock), /key of 'nonsense': /);
  assert.deepEqual(
    keys.list().data.map(({ id }) => id),
    ['taken'],
  );
  fs.writeFileSync(
    keys.keyPath('taken'),
    text.replace(/"data":"..../, '"data":"AAAA').replace(/"fingerprint":"[^"]*"/, '"fingerprint":null'),
  );
  await assert.rejects(keys.open('taken'), /is not the key with fingerprint/);
  fs.rmSync(keys.keyPath('taken'));
  await assert.rejects(keys.open('taken'), /unable to read encryption key 'taken'/);
});
