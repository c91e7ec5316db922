// Master keys of the browser against the product's files, the vector and the client's own code.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseKeyFile as parseOnServer } from '../../../src/crypto/key-file.ts';
import { unwrapKey, wrapKey } from '../../../src/crypto/master-key.ts';
import { fixtureDatastore } from '../../../test/support/fixture.ts';
import { productFile, vectors } from '../../../test/support/golden.ts';
import { openBlob } from './blob.ts';
import { type Bytes, fromBase64, toBase64 } from './bytes.ts';
import { createKeyFile, KeyError, openKeyFile, parseKeyFile, protectKeyFile, writeKeyFile } from './key.ts';
import { createMasterKey, recoverKey } from './master-key.ts';

const master = productFile('keys/master-private.pem').toString();
const passphrase = 'master-passphrase-789';
const sealedName = 'rsa-encrypted.key.blob';
const stored = (): Uint8Array =>
  readFileSync(path.join(fixtureDatastore(), 'host/enc-host/2023-11-14T22:13:20Z', sealedName));
const sealedByProduct = (): Promise<Bytes> =>
  openBlob(Uint8Array.from(stored()), { what: sealedName, encrypted: false });

test('what the product sealed opens with its master key, and is protected anew', async () => {
  const file = await recoverKey(master, passphrase, await sealedByProduct());
  const original = parseKeyFile(productFile('keys/enc-none.key').toString());
  assert.deepEqual([toBase64(file.data), file.fingerprint], [toBase64(original.data), original.fingerprint]);
  assert.equal(Date.parse(file.created), Date.parse(original.created));
  const kept = await protectKeyFile(file, { passphrase: 'a new one', hint: 'new' }, Date.UTC(2026, 10, 27));
  assert.deepEqual([kept.created, kept.hint, kept.fingerprint], [file.created, 'new', file.fingerprint]);
  const read = parseOnServer(writeKeyFile(kept), 'kept');
  assert.equal(read.modified, Date.UTC(2026, 10, 27) / 1000);
  assert.equal((await openKeyFile(parseKeyFile(writeKeyFile(kept)), 'a new one')).fingerprint, file.fingerprint);
});

test('the vector opens, with a key that has no passphrase', async () => {
  const vector = vectors<{ private_key_pkcs8_der_base64: string; ciphertext_base64: string }>('rsa_master_key');
  const base64 = vector.private_key_pkcs8_der_base64;
  const pem = `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END PRIVATE KEY-----\n`;
  const file = await recoverKey(pem, '', fromBase64(vector.ciphertext_base64)!);
  assert.equal(Buffer.from(file.data).toString('hex'), vectors<{ enc_key: string }>('key').enc_key);
});

test('a pair made here is one that the client seals with and recovers from', async () => {
  const { publicPem, privatePem } = await createMasterKey('a passphrase');
  const { data, fingerprint } = await createKeyFile({ now: 0 });
  const sealed = wrapKey(publicPem, data, 1_600_000_000, 1_700_000_000);
  assert.equal(unwrapKey(privatePem, 'a passphrase', sealed).fingerprint, fingerprint);
  const file = await recoverKey(privatePem, 'a passphrase', sealed);
  assert.deepEqual([file.fingerprint, Date.parse(file.created)], [fingerprint, 1_600_000_000_000]);
  // In form and length what the product writes.
  const shape = (pem: string): string =>
    pem.replace(/[A-Za-z0-9+/=]{60,}/g, 'x').replace(/\n[A-Za-z0-9+/=]+\n-/, '\n-');
  assert.equal(shape(privatePem), shape(master));
  assert.equal(shape(publicPem), shape(productFile('keys/master-public.pem').toString()));
  await assert.rejects(createMasterKey('four'), KeyError);
});

test('a wrong passphrase, another master key, and damage are told apart', async () => {
  const sealed = await sealedByProduct();
  await assert.rejects(recoverKey(master, 'another one', sealed), /passphrase does not open/);
  await assert.rejects(recoverKey(master, passphrase, sealed.subarray(1)), /has 512 bytes, this one 511/);
  await assert.rejects(
    recoverKey(
      master,
      passphrase,
      sealed.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
    ),
    KeyError,
  );
  await assert.rejects(recoverKey(productFile('keys/master-public.pem').toString(), passphrase, sealed), /no private/);
  await assert.rejects(recoverKey(productFile('keys/enc-none.key').toString(), passphrase, sealed), /no private/);
  await fc.assert(
    fc.asyncProperty(fc.nat(600), fc.base64String({ maxLength: 4 }), async (at, change) => {
      const damaged = master.slice(0, at) + change + master.slice(at + change.length);
      if (damaged === master) return;
      const result = await recoverKey(damaged, passphrase, sealed).then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(result === undefined || result instanceof KeyError, String(result));
    }),
    { numRuns: 40 },
  );
});
