// Master keys: the vector, the product's pair and sealed keys, a pair of our own, refusals.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fixtureDatastore } from '../../test/support/fixture.ts';
import { productFile, vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefuses } from '../../test/support/mutate.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { formatLocal, parseRfc3339 } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { openKeyFile, parseKeyFile, serializeKeyFile } from './key-file.ts';
import { describePublicKey, generateMasterKey, unwrapKey, wrapKey } from './master-key.ts';

const vector = vectors<{
  private_key_pkcs8_der_base64: string;
  public_key_spki_der_base64: string;
  ciphertext_base64: string;
  plaintext: string;
}>('rsa_master_key');
const pem = (label: string, base64: string): string =>
  `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
const publicPem = pem('PUBLIC KEY', vector.public_key_spki_der_base64);
const privatePem = pem('PRIVATE KEY', vector.private_key_pkcs8_der_base64);
const ciphertext = Buffer.from(vector.ciphertext_base64, 'base64');
const encKey = fromHex(vectors<{ enc_key: string }>('key').enc_key, 32);
const created = parseRfc3339('2020-06-26T15:56:05+02:00')!;
const none = async (): Promise<string> => '';

function refuses(text: RegExp, fn: () => unknown): void {
  assert.throws(fn, (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, 'key-invalid');
    assert.match(error.message, text);
    return true;
  });
}

test('the vector opens to its key file', async () => {
  const keyFile = unwrapKey(privatePem, '', ciphertext);
  const local = vector.plaintext.replaceAll('2020-06-26T15:56:05+02:00', formatLocal(created));
  assert.equal(serializeKeyFile(keyFile), local);
  assert.equal(toHex((await openKeyFile(keyFile, none)).key), toHex(encKey));
});

test('what the product sealed for its master key is the key of enc-none.key', async () => {
  const raw = readFileSync(join(fixtureDatastore(), 'host/enc-host/2023-11-14T22:13:20Z/rsa-encrypted.key.blob'));
  const master = productFile('keys/master-private.pem').toString();
  const recovered = unwrapKey(master, 'master-passphrase-789', raw.subarray(12));
  const original = parseKeyFile(productFile('keys/enc-none.key').toString(), 'enc-none.key');
  assert.deepEqual(Buffer.from(recovered.data), Buffer.from(original.data));
  assert.equal(recovered.fingerprint, original.fingerprint);
  assert.equal(recovered.created, original.created);
  assert.equal((await openKeyFile(recovered, none)).fingerprint, original.fingerprint);
});

test('what is sealed for the product master key opens with it, and has the text of a key file', () => {
  const sealed = wrapKey(productFile('keys/master-public.pem').toString(), encKey, created, created + 7);
  assert.equal(sealed.byteLength, 512);
  const keyFile = unwrapKey(productFile('keys/master-private.pem').toString(), 'master-passphrase-789', sealed);
  assert.deepEqual(
    [keyFile.kdf, keyFile.created, keyFile.modified, keyFile.hint],
    [null, created, created + 7, undefined],
  );
  assert.equal(serializeKeyFile(keyFile).length, 255);
});

test('a generated pair: form of the files, both directions', async () => {
  const pair = await generateMasterKey('a passphrase');
  assert.match(pair.publicPem, /^-----BEGIN PUBLIC KEY-----\n/);
  assert.match(
    pair.privatePem,
    /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n){52,54}-----END ENCRYPTED PRIVATE KEY-----\n$/,
  );
  const head = Buffer.from(pair.privatePem.split('\n').slice(1, -2).join(''), 'base64');
  const product = Buffer.from(
    productFile('keys/master-private.pem').toString().split('\n').slice(1, -2).join(''),
    'base64',
  );
  // Algorithms and parameters as the product writes them; salt at 36..44 and IV at 77..93 are random.
  for (const [from, to] of [
    [4, 36],
    [44, 77],
  ])
    assert.equal(toHex(head.subarray(from, to)), toHex(product.subarray(from, to)));
  const key = createPrivateKey({ key: pair.privatePem, passphrase: 'a passphrase' });
  assert.equal(key.asymmetricKeyDetails?.modulusLength, 4096);
  const facts = describePublicKey(pair.publicPem);
  assert.deepEqual([facts.exponent, facts.length, facts.modulus.length], ['65537', 4096, 1024]);
  const sealed = wrapKey(pair.publicPem, encKey, created, created);
  assert.equal(toHex(unwrapKey(pair.privatePem, 'a passphrase', sealed).data), toHex(encKey));
  refuses(/passphrase is wrong/, () => unwrapKey(pair.privatePem, 'another', sealed));
  refuses(/another master key/, () => unwrapKey(privatePem, '', sealed));
});

test('facts of a public key, as the product shows them', () => {
  const shown = JSON.parse(productFile('cli/key-show-master-pubkey.json').toString());
  const { path: _, ...facts } = shown;
  assert.deepEqual(describePublicKey(productFile('keys/master-public.pem').toString()), facts);
});

test('refusals', async () => {
  await assert.rejects(generateMasterKey('four'), /at least 5 bytes/);
  refuses(/not a PEM public key/, () => describePublicKey(privatePem));
  refuses(/not a PEM public key/, () => describePublicKey('hello'));
  refuses(/cannot be read/, () => describePublicKey(publicPem.replace('MII', 'MAA')));
  refuses(/cannot be opened/, () => unwrapKey('hello', '', ciphertext));
  refuses(/cannot be opened/, () => unwrapKey(productFile('keys/master-private.pem').toString(), '', ciphertext));
  refuses(/has 512 bytes, this one 511/, () => unwrapKey(privatePem, '', ciphertext.subarray(1)));
  refuses(/cannot be opened/, () => unwrapKey(privatePem, '', Buffer.alloc(512, 0xff)));
  const damagedText = Buffer.from(ciphertext);
  damagedText[100]! ^= 1;
  refuses(/another master key/, () => unwrapKey(privatePem, '', damagedText));
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
  refuses(/2048 bits is too small/, () => wrapKey(small.toString(), encKey, created, created));
  const curve = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
  refuses(/this one is ed25519/, () => wrapKey(curve.toString(), encKey, created, created));
});

test('damaged sealed keys and PEM files: refused or read, never anything else', () => {
  fc.assert(
    fc.property(
      damaged(ciphertext),
      damaged(Buffer.from(privatePem)),
      damaged(Buffer.from(publicPem)),
      (sealed, key, pub) => {
        readsOrRefuses(() => unwrapKey(privatePem, '', sealed));
        readsOrRefuses(() => unwrapKey(key.toString(), 'passphrase', ciphertext));
        readsOrRefuses(() => wrapKey(pub.toString(), encKey, created, created));
        readsOrRefuses(() => describePublicKey(pub.toString()));
      },
    ),
    { numRuns: 60 },
  );
});
