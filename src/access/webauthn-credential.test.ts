import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import * as helpers from '@simplewebauthn/server/helpers';
import { credentialId, readCredential, writeCredential } from './webauthn-credential.ts';

type CoseValue = number | Uint8Array<ArrayBuffer>;
const cbor = (pairs: [number, CoseValue][]) => helpers.isoCBOR.encode(new Map(pairs));
const bytes = (base64url: string | undefined): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(base64url ?? '', 'base64url'));
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
const ecCose = cbor([
  [1, 2],
  [3, -7],
  [-1, 1],
  [-2, bytes(ec.x)],
  [-3, bytes(ec.y)],
]);
const rsaCose = cbor([
  [1, 3],
  [3, -257],
  [-1, bytes(rsa.n)],
  [-2, bytes(rsa.e)],
]);
const id = 'q83vASNF';

test('keys are stored in the form of the field and read back', () => {
  const stored = writeCredential({ id, publicKey: ecCose, counter: 3, userVerified: true }, helpers);
  assert.deepEqual(stored, {
    cred_id: id,
    cred: { type_: 'ES256', key: { EC_EC2: { curve: 'SECP256R1', x: [...bytes(ec.x)], y: [...bytes(ec.y)] } } },
    counter: 3,
    verified: true,
    registration_policy: 'discouraged',
  });
  const read = readCredential(JSON.parse(JSON.stringify(stored)), helpers);
  assert.deepEqual(read, { id, publicKey: ecCose, counter: 3, verifiesUser: false });
  const other = writeCredential({ id, publicKey: rsaCose, counter: 0, userVerified: false }, helpers);
  assert.deepEqual(readCredential(other, helpers)?.publicKey, rsaCose);
});

test('bytes are read in both forms, and a key that must check its holder is known as such', () => {
  const entry = {
    cred_id: [...Buffer.from(id, 'base64url')],
    cred: { type_: 'ES256', key: { EC_EC2: { curve: 'SECP256R1', x: ec.x, y: ec.y } } },
    counter: 0,
    verified: true,
    registration_policy: 'required',
  };
  assert.deepEqual(readCredential(entry, helpers), { id, publicKey: ecCose, counter: 0, verifiesUser: true });
  assert.equal(credentialId(entry), id);
});

test('what is no key that can be checked is none', () => {
  const good = writeCredential({ id, publicKey: ecCose, counter: 3, userVerified: true }, helpers)!;
  const key = (value: unknown): object => ({ ...good, cred: { type_: 'ES256', key: value } });
  const bad = [
    undefined,
    'x',
    {},
    { ...good, cred_id: '' },
    { ...good, cred_id: 'a b' },
    { ...good, counter: '3' },
    { ...good, cred: { type_: 'EDDSA', key: { EC_OKP: {} } } },
    key(undefined),
    key({ EC_EC2: { curve: 'SECP384R1', x: ec.x, y: ec.y } }),
    key({ EC_EC2: { curve: 'SECP256R1', x: [1, 2], y: ec.y } }),
    key({ EC_EC2: { curve: 'SECP256R1', x: ec.x, y: new Array(32).fill(256) } }),
    key({ RSA: { n: rsa.n, e: rsa.e } }),
  ];
  for (const entry of bad) assert.equal(readCredential(entry, helpers), undefined, JSON.stringify(entry));
  const edwards = cbor([
    [1, 1],
    [3, -8],
    [-1, 6],
    [-2, bytes(ec.x)],
  ]);
  assert.equal(writeCredential({ id, publicKey: edwards, counter: 0, userVerified: false }, helpers), undefined);
});
