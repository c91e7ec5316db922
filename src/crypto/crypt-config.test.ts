// What is derived from a key, against the vectors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { CryptConfig, parseFingerprint, plainDigest, shortFingerprint } from './crypt-config.ts';

const key = vectors<{ enc_key: string; id_key: string; fingerprint: string }>('key');
const zero = vectors<{ digest_plain: string; digest_keyed: string }>('zero_chunk_4MiB');
const crypt = CryptConfig.fromKey(fromHex(key.enc_key, 32));

test('id key and fingerprint follow from the key', () => {
  assert.equal(toHex(crypt.idKey), key.id_key);
  assert.equal(crypt.fingerprint, key.fingerprint);
});

test('digests of the zero chunk', () => {
  const zeros = new Uint8Array(4 * 1024 * 1024);
  assert.equal(toHex(plainDigest(zeros)), zero.digest_plain);
  assert.equal(toHex(crypt.digest(zeros)), zero.digest_keyed);
});

test('digests of shared memory are those of the same bytes elsewhere', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(100)).fill(7);
  assert.deepEqual(plainDigest(shared), plainDigest(Uint8Array.from(shared)));
  assert.deepEqual(crypt.digest(shared), crypt.digest(Uint8Array.from(shared)));
});

test('fingerprints: colons anywhere, exactly 64 digits, short form', () => {
  assert.equal(parseFingerprint(key.fingerprint.replaceAll(':', '').toUpperCase()), key.fingerprint);
  assert.equal(parseFingerprint(`:${key.fingerprint}::`), key.fingerprint);
  assert.equal(parseFingerprint(key.fingerprint.slice(3)), undefined);
  assert.equal(parseFingerprint(`${key.fingerprint.slice(0, -1)}g`), undefined);
  assert.equal(shortFingerprint(key.fingerprint), '0e:ab:d4:46:0b:6e:b9:ca');
});

test('a key of another length is refused', () => {
  assert.throws(
    () => CryptConfig.fromKey(new Uint8Array(31)),
    (error) => error instanceof GranaryError && error.code === 'key-invalid',
  );
});
