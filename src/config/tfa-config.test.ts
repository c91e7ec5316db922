// tfa.json: what the field's servers wrote is read and kept, what is broken is named and left alone.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import type { ConfigFile } from './config-file.ts';
import { createDirectories, resolveDirectories } from './directories.ts';
import { emptyUserTfa, type TfaConfig, tfaConfigFile } from './tfa-config.ts';

let home: string;
let file: ConfigFile<TfaConfig>;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'granary-tfa-'));
  const directories = resolveDirectories(home, '');
  await createDirectories(directories);
  file = tfaConfigFile(directories);
});
afterEach(() => rm(home, { recursive: true }));

const uri = 'otpauth://totp/PBS:a%40pbs?secret=GEZDGNBVGY3TQOJQ&issuer=PBS&digits=6&period=30&algorithm=SHA1';
/** Every member that access-control.md 9 names, and some that it does not. */
const whole = {
  u2f: { appid: 'https://a.example', origin: 'https://a.example' },
  webauthn: { rp: 'Backup', origin: 'https://a.example', id: 'a.example', 'allow-subdomains': false },
  users: {
    'a@pbs': {
      totp: [
        { id: 'one', description: 'phone', created: 1700000000, entry: uri },
        {
          id: 'two',
          description: '',
          created: 1700000001,
          enable: false,
          entry: { totp: uri, 'last-count': 56666666 },
        },
      ],
      webauthn: [{ id: 'three', description: 'key', created: 1700000002, entry: { cred_id: 'AAAA', of: 'later' } }],
      u2f: [{ id: 'four', description: 'old key', created: 1600000000, entry: { keyHandle: 'x', publicKey: 'y' } }],
      yubico: [{ id: 'five', description: 'otp', created: 1600000000, entry: 'cccccccccccc' }],
      recovery: { secret: '0123456789abcdef', entries: ['0'.repeat(64), null], created: 1700000003 },
      'totp-locked': true,
      'tfa-locked-until': 1700003600,
      'from-a-newer-server': [1, { two: null }],
    },
    'root@pam': { recovery: { secret: 'fedcba9876543210', entries: [null], created: 5 } },
  },
  'of-a-newer-server': { kept: true },
};

test('a whole file is written as it was read, unknown members and kinds included', async () => {
  fs.writeFileSync(file.path, JSON.stringify(whole));
  await file.update((config) => {
    config.users.set('b@pbs', { ...emptyUserTfa(), totpLocked: true });
  });
  const { users, ...rest } = whole;
  const expected = { ...rest, users: { ...users, 'b@pbs': { 'totp-locked': true } } };
  assert.deepEqual(JSON.parse(fs.readFileSync(file.path, 'utf8')), expected);
  assert.equal(fs.statSync(file.path).mode & 0o777, 0o600);
});

test('the text has one form', async () => {
  await file.update((config) => {
    config.users.set('a@pbs', {
      ...emptyUserTfa(),
      totp: [{ entry: uri, enable: true, created: 7, description: 'd', id: 'x' }],
    });
  });
  assert.equal(
    fs.readFileSync(file.path, 'utf8'),
    `{
  "users": {
    "a@pbs": {
      "totp": [
        {
          "id": "x",
          "description": "d",
          "created": 7,
          "entry": "${uri}"
        }
      ]
    }
  }
}
`,
  );
});

test('empty lists, nulls and missing members are nothing; a name like a prototype is a name', () => {
  fs.writeFileSync(
    file.path,
    '{"webauthn":null,"users":{"a@pbs":{"totp":null,"u2f":[],"recovery":null},"__proto__":{"totp":[{"id":"x"}]}}}',
  );
  const { users } = file.current().value;
  assert.deepEqual(users.get('a@pbs'), emptyUserTfa());
  assert.deepEqual(users.get('__proto__')?.totp, [{ id: 'x', description: '', created: 0 }]);
  fs.writeFileSync(file.path, '');
  assert.equal(tfaConfigFile(resolveDirectories(home, '')).current().value.users.size, 0);
});

test('a broken file is named with its line, shows no secret, and is left alone', async () => {
  const broken: [string, string][] = [
    ['{', 'line 1 - not JSON'],
    ['{\n"users": {\n  "a@pbs": {,}\n}}', 'line 3 - not JSON'],
    ['{\n"users": {\n  "a@pbs": {"totp": [] "secret": "hidden"}\n}}', 'line 3 - not JSON'],
    ['{\n"users": {},\n}\nhidden', 'line 3 - not JSON'],
    ['{"users":\nhidden}', 'line 2 - not JSON'],
    ['[]', 'the file is not an object'],
    ['{"users":[]}', 'users is not an object'],
    ['{"users":{"a@pbs":{"totp":{}}}}', 'users.a@pbs.totp is not a list'],
    ['{"users":{"a@pbs":{"totp":["hidden"]}}}', 'users.a@pbs.totp[0] is not an object'],
    ['{"users":{"a@pbs":{"u2f":[{}]}}}', 'users.a@pbs.u2f[0].id is not a string'],
    ['{"users":{"a@pbs":{"recovery":{"secret":"s","entries":[7]}}}}', 'users.a@pbs.recovery.entries is not a list'],
    ['{"webauthn":{"id":7}}', 'webauthn.id is not a string'],
  ];
  for (const [text, problem] of broken) {
    fs.writeFileSync(file.path, text);
    await assert.rejects(
      file.update((config) => void config.users.clear()),
      (error: unknown) => {
        assert.ok(error instanceof GranaryError && error.code === 'config-invalid');
        assert.ok(error.message.startsWith(`parsing "${file.path}" failed: ${problem}`), error.message);
        assert.doesNotMatch(error.message, /hidden/);
        return true;
      },
    );
    assert.equal(fs.readFileSync(file.path, 'utf8'), text);
  }
});
