// Account files: those of the original are read, what is written has all that was in them.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { type Directories, resolveDirectories } from '../config/directories.ts';
import { listAcmeAccounts, loadAcmeAccount, removeAcmeAccount, saveAcmeAccount } from './acme-accounts.ts';

let home: string;
let directories: Directories;
beforeEach(() => {
  home = scratchFolder('granary-accounts-');
  directories = resolveDirectories(home, 'home');
});
afterEach(() => rmSync(home, { recursive: true }));
const folder = () => path.join(directories.config, 'acme', 'accounts');

const original = {
  location: 'https://acme.example.com/acct/1',
  account: { status: 'valid', contact: ['mailto:admin@example.com'], createdAt: '2026-01-01T00:00:00Z' },
  directoryUrl: 'https://acme.example.com/directory',
  key: '-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n',
  tos: 'https://acme.example.com/terms',
  debug: false,
};

test('an account keeps what is not understood here', async () => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(path.join(folder(), 'default'), JSON.stringify(original));
  const account = loadAcmeAccount(directories, 'default');
  assert.deepEqual(account, original);
  await saveAcmeAccount(directories, 'default', { ...account, account: { status: 'deactivated' } });
  const written = readFileSync(path.join(folder(), 'default'), 'utf8');
  assert.deepEqual(JSON.parse(written), { ...original, account: { status: 'deactivated' } });
  assert.equal(statSync(path.join(folder(), 'default')).mode & 0o777, 0o600);
});

test('accounts are listed without what is being written or was deactivated', async () => {
  assert.deepEqual(listAcmeAccounts(directories), []);
  for (const name of ['work', 'default']) await saveAcmeAccount(directories, name, original);
  for (const name of ['_deactivated_old_0', 'default.tmp_AbC123', '.hidden'])
    writeFileSync(path.join(folder(), name), '');
  assert.deepEqual(listAcmeAccounts(directories), ['default', 'work']);
  await removeAcmeAccount(directories, 'work');
  assert.deepEqual(listAcmeAccounts(directories), ['default']);
});

test('a missing or broken account is named, without showing its key', () => {
  mkdirSync(folder(), { recursive: true });
  assert.throws(() => loadAcmeAccount(directories, 'none'), { message: "no such ACME account 'none'" });
  const cases: [string, RegExp][] = [
    ['{"key": "secret', /accounts\/default" failed: not JSON$/],
    ['[]', /not an object$/],
    ['{"account":{},"key":"k","location":"l"}', /'directoryUrl' is no text$/],
    ['{"account":1,"key":"k","location":"l","directory":"d"}', /'account' is no object$/],
  ];
  for (const [text, problem] of cases) {
    writeFileSync(path.join(folder(), 'default'), text);
    assert.throws(() => loadAcmeAccount(directories, 'default'), { code: 'config-invalid', message: problem });
  }
});

test('a name cannot lead out of the directory', async () => {
  for (const name of ['../x', '.x', '', 'a/b']) {
    await assert.rejects(saveAcmeAccount(directories, name, original), { code: 'parameter-invalid' });
  }
});
