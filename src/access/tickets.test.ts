import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { createCsrfToken, createTicket, verifyCsrfToken, verifyTicket } from './tickets.ts';

const now = 0x6b03a79e;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const refusal = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof GranaryError && error.code === 'auth-failed');
    return error.message;
  }
  return 'accepted';
};

test('looks like the tickets of the original', () => {
  const ticket = createTicket(privateKey, 'PBS', 'admin@pbs', now);
  assert.match(ticket, /^PBS:admin@pbs:6B03A79E::[A-Za-z0-9+/]{86}$/);
  assert.deepEqual(verifyTicket(publicKey, 'PBS', ticket, now), { data: 'admin@pbs', time: now });
  assert.deepEqual(verifyTicket(publicKey, 'PBS', `${ticket}==`, now), { data: 'admin@pbs', time: now });
});

test('RSA keys of older servers sign and verify', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ticket = createTicket(rsa.privateKey, 'PBS', 'a@pbs', now);
  assert.equal(verifyTicket(rsa.publicKey, 'PBS', ticket, now).data, 'a@pbs');
  assert.equal(
    refusal(() => verifyTicket(publicKey, 'PBS', ticket, now)),
    'ticket with invalid signature',
  );
});

test('a ticket with any character changed, left out or added is refused', () => {
  const ticket = createTicket(privateKey, 'PBS', 'admin@pbs', now);
  for (let i = 0; i < ticket.length; i++) {
    for (const char of [
      String.fromCharCode(ticket.charCodeAt(i) ^ 1),
      String.fromCharCode(ticket.charCodeAt(i) ^ 32),
      ':',
      '',
    ]) {
      const changed = ticket.slice(0, i) + char + ticket.slice(i + 1);
      if (changed === ticket) continue;
      assert.notEqual(
        refusal(() => verifyTicket(publicKey, 'PBS', changed, now)),
        'accepted',
        changed,
      );
    }
    const longer = `${ticket.slice(0, i)}A${ticket.slice(i)}`;
    assert.notEqual(
      refusal(() => verifyTicket(publicKey, 'PBS', longer, now)),
      'accepted',
      longer,
    );
  }
});

test('each cause has its text', () => {
  const ticket = createTicket(privateKey, 'PBS', 'a@pbs', now);
  const [text = ''] = ticket.split('::');
  const cases: [string, string][] = [
    ['', 'ticket without data'],
    ['nonsense', 'ticket without data'],
    [text, 'ticket without data'],
    [`PBS::6B03A79E::${ticket.split('::')[1]}`, 'ticket without data'],
    [`${text}::`, 'ticket with bad signature: invalid base64'],
    [`${text}::*`, 'ticket with bad signature: invalid base64'],
    [`${text}::AAAA`, 'ticket with invalid signature'],
    [ticket.replace('PBS:', 'PVE:'), 'ticket with invalid prefix'],
  ];
  for (const [given, expected] of cases)
    assert.equal(
      refusal(() => verifyTicket(publicKey, 'PBS', given, now)),
      expected,
    );
});

test('is valid from 300 s before to 7200 s after its time', () => {
  const ticket = createTicket(privateKey, 'PBS', 'a@pbs', now);
  const at = (age: number): string => refusal(() => verifyTicket(publicKey, 'PBS', ticket, now + age));
  assert.deepEqual([-301, -300, 0, 7200, 7201].map(at), [
    'invalid ticket - timestamp newer than expected',
    'accepted',
    'accepted',
    'accepted',
    'invalid ticket - expired',
  ]);
});

test('signed additional data is needed to verify', () => {
  const ticket = createTicket(privateKey, 'PBS', '!tfa!{"totp":true}', now, 'a@pbs');
  assert.match(ticket, /^PBS:!tfa![^:"{]+:/);
  assert.equal(verifyTicket(publicKey, 'PBS', ticket, now, { aad: 'a@pbs' }).data, '!tfa!{"totp":true}');
  for (const aad of [undefined, 'b@pbs', '']) {
    assert.equal(
      refusal(() => verifyTicket(publicKey, 'PBS', ticket, now, { aad })),
      'ticket with invalid signature',
    );
  }
});

test('any data comes back, in plain ASCII', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (data) => {
      const ticket = createTicket(privateKey, 'PBS', data, now);
      assert.match(ticket, /^[!-~]+$/);
      assert.equal(verifyTicket(publicKey, 'PBS', ticket, now).data, data);
    }),
    { numRuns: 50 },
  );
});

test('CSRF tokens: own and legacy MAC, window, user, every character', () => {
  const secret = randomBytes(64);
  const token = createCsrfToken(secret, 'a@pbs', now);
  assert.match(token, /^6B03A79E:[A-Za-z0-9+/]{43}$/);
  const check = (given: string, user = 'a@pbs', at = now): string =>
    refusal(() => verifyCsrfToken(secret, user, given, at));
  assert.equal(check(token), 'accepted');
  const legacy = createHash('sha256').update('6B03A79E:a@pbs:').update(secret).digest('base64').replace(/=+$/, '');
  assert.equal(check(`6B03A79E:${legacy}`), 'accepted');
  assert.equal(check(token, 'b@pbs'), 'invalid csrf token - invalid signature.');
  assert.equal(check(''), 'invalid csrf token - format error - wrong number of parts.');
  assert.equal(check(`${token}:`), 'invalid csrf token - format error - wrong number of parts.');
  assert.equal(check('6B03A79E:'), 'invalid csrf token - invalid signature.');
  assert.equal(check(token, 'a@pbs', now + 7200), 'accepted');
  assert.match(check(token, 'a@pbs', now + 7201), /expired/);
  assert.equal(check(token, 'a@pbs', now - 300), 'accepted');
  assert.match(check(token, 'a@pbs', now - 301), /newer/);
  for (let i = 0; i < token.length; i++) {
    const changed = token.slice(0, i) + String.fromCharCode(token.charCodeAt(i) ^ 1) + token.slice(i + 1);
    assert.notEqual(check(changed), 'accepted', changed);
  }
});
