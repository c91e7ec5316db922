import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Secret, URI } from 'otpauth';
import { base32, newTotpSecret, totpUri } from './totp-uri.ts';

test('base32 is that of authenticators', () => {
  assert.equal(base32(new TextEncoder().encode('foobar')), 'MZXW6YTBOI');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      assert.equal(base32(bytes), new Secret({ buffer: bytes.slice().buffer }).base32);
    }),
  );
});

test('authenticators read secret and account from the URI', () => {
  const secret = newTotpSecret();
  assert.equal(secret.length, 32);
  const read = URI.parse(totpUri(secret, { issuer: 'Granary host:8007', account: 'a b@pbs' }));
  assert.deepEqual([read.secret.base32, read.issuer, read.label], [secret, 'Granary host.8007', 'a b@pbs']);
});
