// Key files: the vectors byte for byte, the product's own keys, rules of passphrase and hint, damage.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { productFile, vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefuses } from '../../test/support/mutate.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { formatLocal, parseRfc3339 } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import {
  createKeyFile,
  deriveKey,
  type KdfName,
  kdfName,
  openKeyFile,
  parseKeyFile,
  prettyKeyFile,
  serializeKeyFile,
} from './key-file.ts';

interface KeyFileVector {
  passphrase: string | null;
  derived_key: string | null;
  file: string;
}
const vector = vectors<Record<KdfName, KeyFileVector>>('keyfiles');
const { enc_key, fingerprint } = vectors<{ enc_key: string; fingerprint: string }>('key');
const encKey = fromHex(enc_key, 32);
const created = parseRfc3339('2020-06-26T15:56:05+02:00')!;
const clock = { now: () => created * 1000 };
const noPassphrase = async (): Promise<string> => {
  throw new Error('asked for a passphrase');
};
/** Salt 40..5f and IV b0..bf, as in the vectors. */
const random = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (size === 32 ? 0x40 : 0xb0) + i);
/** The vectors' times are in another zone than the machine's, perhaps. */
const inLocalZone = (file: string): string => file.replaceAll('2020-06-26T15:56:05+02:00', formatLocal(created));

async function refuses(text: RegExp, fn: () => unknown): Promise<void> {
  await assert.rejects(
    async () => await fn(),
    (error) => {
      assert.ok(error instanceof GranaryError, String(error));
      assert.equal(error.code, 'key-invalid');
      assert.match(error.message, text);
      return true;
    },
  );
}

for (const name of ['scrypt', 'pbkdf2', 'none'] as const) {
  test(`vector ${name}: derived key, both directions byte for byte`, async () => {
    const { passphrase, derived_key, file } = vector[name];
    const keyFile = parseKeyFile(file, name);
    assert.equal(kdfName(keyFile.kdf), name);
    if (keyFile.kdf !== null) {
      assert.equal(toHex(await deriveKey(keyFile.kdf, Buffer.from(passphrase!))), derived_key);
    }
    const opened = await openKeyFile(keyFile, passphrase === null ? noPassphrase : async () => passphrase);
    assert.deepEqual({ ...opened, key: toHex(opened.key) }, { key: enc_key, created, fingerprint });
    const again = await createKeyFile(encKey, {
      kdf: name,
      clock,
      random,
      ...(passphrase === null ? {} : { passphrase }),
      ...(keyFile.hint === undefined ? {} : { hint: keyFile.hint }),
    });
    assert.equal(serializeKeyFile(again), inLocalZone(file));
    assert.equal(serializeKeyFile(keyFile), inLocalZone(file));
    assert.deepEqual(JSON.parse(prettyKeyFile(keyFile)), JSON.parse(inLocalZone(file)));
  });
}

test("the product's own keys open with their passphrases", async () => {
  const passphrases: Record<string, string | undefined> = {
    'enc-none.key': undefined,
    'enc-scrypt.key': 'scrypt-passphrase-123',
    'enc-pbkdf2.key': 'pbkdf2-passphrase-456',
  };
  for (const [name, passphrase] of Object.entries(passphrases)) {
    const text = productFile(`keys/${name}`).toString();
    const keyFile = parseKeyFile(text, name);
    const opened = await openKeyFile(keyFile, passphrase === undefined ? noPassphrase : async () => passphrase);
    assert.equal(opened.fingerprint, keyFile.fingerprint);
    if (formatLocal(opened.created).endsWith('+00:00')) assert.equal(serializeKeyFile(keyFile), text);
  }
});

test('a changed passphrase keeps creation time and key, and draws new salt and IV', async () => {
  const old = parseKeyFile(vector.pbkdf2.file, 'old');
  const later = { now: () => (created + 5000) * 1000 };
  const make = () =>
    createKeyFile(encKey, { kdf: 'pbkdf2', passphrase: 'another one', created: old.created, clock: later });
  const [a, b] = [await make(), await make()];
  assert.deepEqual([a.created, a.modified, a.fingerprint], [created, created + 5000, fingerprint]);
  assert.notDeepEqual(a.data, b.data);
  assert.notDeepEqual(a.kdf, b.kdf);
  assert.equal(toHex((await openKeyFile(a, async () => 'another one')).key), enc_key);
});

test('wrong and short passphrases are refused, the hint is shown', async () => {
  const hinted = { ...parseKeyFile(vector.pbkdf2.file, 'x'), hint: 'the usual one' };
  await refuses(/does not open the key \(password hint: the usual one\)$/, () =>
    openKeyFile(hinted, async () => 'wrong one'),
  );
  await refuses(/at least 5 bytes/, () => openKeyFile(hinted, async () => 'four'));
  await refuses(/at least 5 bytes/, () => createKeyFile(encKey, { kdf: 'scrypt', passphrase: '1234' }));
  await refuses(/at least 5 bytes/, () => createKeyFile(encKey, { kdf: 'scrypt' }));
  const short = await createKeyFile(encKey, { kdf: 'pbkdf2', passphrase: 'äöü' });
  assert.equal(toHex((await openKeyFile(short, async () => 'äöü')).key), enc_key);
});

test('rules of the hint', async () => {
  await refuses(/not allowed/, () => createKeyFile(encKey, { kdf: 'none', hint: 'x' }));
  await refuses(/1 to 64/, () => createKeyFile(encKey, { kdf: 'pbkdf2', passphrase: 'secret', hint: '' }));
  await refuses(/1 to 64/, () => createKeyFile(encKey, { kdf: 'pbkdf2', passphrase: 'secret', hint: 'x'.repeat(65) }));
  const hint = '\u{1f600}'.repeat(64);
  const keyFile = await createKeyFile(encKey, { kdf: 'pbkdf2', passphrase: 'secret', hint });
  assert.equal(parseKeyFile(serializeKeyFile(keyFile), 'x').hint, hint);
});

test('a key that has not the stated fingerprint is refused', async () => {
  const keyFile = parseKeyFile(vector.none.file.replace('0e:ab', '0e:ac'), 'x');
  await refuses(/states fingerprint 0e:ac/, () => openKeyFile(keyFile, noPassphrase));
  const without = parseKeyFile(vector.none.file.replace(/,"fingerprint":"[^"]*"/, ''), 'x');
  assert.equal((await openKeyFile(without, noPassphrase)).fingerprint, fingerprint);
});

test('malformed files: the member is named', async () => {
  const { file } = vector.none;
  const scrypt = vector.scrypt.file;
  const cases: [string, RegExp][] = [
    ['', /not a key file/],
    ['[]', /not a key file/],
    [file.replace('null', '"none"'), /'kdf' is neither/],
    [file.replace('"kdf":null,', ''), /'kdf' is neither/],
    [scrypt.replace('Scrypt', 'scrypt'), /'kdf' is 'scrypt'/],
    [scrypt.replace('65536', '65535'), /power of two/],
    [scrypt.replace('65536', '1'), /power of two/],
    [scrypt.replace('65536', '4294967296'), /1 GiB/],
    [scrypt.replace('"p":1', '"p":1000000'), /1 GiB/],
    [scrypt.replace('"r":8', '"r":0'), /'r' of Scrypt/],
    [scrypt.replace('"salt":"', '"salt":"*'), /'salt' is not base64/],
    [vector.pbkdf2.file.replace('65535', '1000000000'), /iterations/],
    [file.replace('data":"', 'data":"='), /'data' is not base64/],
    [file.replace('AAEC', ''), /'data' has 29 bytes, not 32/],
    [scrypt.replace('sLGy', ''), /'data' has 61 bytes, not 64/],
    [file.replace('2020-06-26T15:56:05+02:00', '2020-06-26 15:56:05'), /'created'/],
    [file.replace('"modified":"2020', '"modified":"20x0'), /'modified'/],
    [file.replace('0e:ab', '0e:zz'), /'fingerprint'/],
    [scrypt.replace('"the usual one"', '7'), /'hint'/],
  ];
  for (const [text, problem] of cases) await refuses(problem, () => parseKeyFile(text, 'x'));
});

test('times with Z are read', async () => {
  const keyFile = parseKeyFile(vector.none.file.replace('2020-06-26T15:56:05+02:00', '2020-06-26T13:56:05Z'), 'x');
  assert.equal(keyFile.created, created);
});

test('damaged key files: refused or read, never anything else', () => {
  fc.assert(
    fc.property(damaged(Buffer.from(vector.scrypt.file)), (bytes) => {
      readsOrRefuses(() => serializeKeyFile(parseKeyFile(bytes.toString(), 'x')));
    }),
    { numRuns: 500 },
  );
});
