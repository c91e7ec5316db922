import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  newTotpUri,
  normalizeTotpUri,
  readTotpEntry,
  totpCode,
  totpSecret,
  usedTotpEntry,
  verifyTotp,
} from './totp.ts';

/** The keys of RFC 6238, appendix B, in base32. */
const secrets = {
  SHA1: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
  SHA256: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA',
  SHA512: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA',
};
const uri = (o: { secret?: string; digits?: number; period?: number; algorithm?: string; label?: string } = {}) =>
  `otpauth://totp/${o.label ?? 'PBS:a%40pbs'}?secret=${o.secret ?? secrets.SHA1}&issuer=PBS&digits=${o.digits ?? 6}&period=${o.period ?? 30}&algorithm=${o.algorithm ?? 'SHA1'}`;
const refused =
  (text: RegExp, secret = secrets.SHA1) =>
  (error: unknown) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, text);
    assert.ok(!error.message.includes(secret));
    return true;
  };

test('the codes of RFC 6238', () => {
  const codes: [number, string, string, string][] = [
    [59, '94287082', '46119246', '90693936'],
    [1111111109, '07081804', '68084774', '25091201'],
    [1234567890, '89005924', '91819424', '93441116'],
    [20000000000, '65353130', '77737706', '47863826'],
  ];
  for (const [time, sha1, sha256, sha512] of codes) {
    for (const [algorithm, code] of Object.entries({ SHA1: sha1, SHA256: sha256, SHA512: sha512 })) {
      const entry = { uri: uri({ secret: secrets[algorithm as keyof typeof secrets], digits: 8, algorithm }) };
      assert.equal(totpCode(entry.uri, time * 1000), code, algorithm);
      assert.equal(verifyTotp(entry, code, time * 1000), Math.floor(time / 30));
    }
  }
});

test('a code is good one step before and after its own, and never a second time', () => {
  const step = 37037036;
  const at = (offset: number): number => (step + offset) * 30_000 + 12_345;
  const code = totpCode(uri(), at(0));
  assert.deepEqual(
    [-2, -1, 0, 1, 2].map((offset) => verifyTotp({ uri: uri() }, code, at(offset))),
    [undefined, step, step, step, undefined],
  );
  assert.equal(verifyTotp({ uri: uri(), lastCount: step - 1 }, code, at(0)), step);
  for (const lastCount of [step, step + 1, step + 100]) {
    assert.equal(verifyTotp({ uri: uri(), lastCount }, code, at(0)), undefined);
  }
});

test('nothing but the six digits is a code', () => {
  const now = 1111111109_000;
  const code = totpCode(uri(), now);
  const wrong = ['', ' ', code.slice(1), `${code}0`, ` ${code}`, code.replace(/./g, 'x'), '000000', `${code}\0`];
  for (const text of wrong) assert.equal(verifyTotp({ uri: uri() }, text, now), undefined, JSON.stringify(text));
});

test('both forms of an entry are read, and others are none', () => {
  assert.deepEqual(readTotpEntry(uri()), { uri: uri() });
  assert.deepEqual(readTotpEntry(usedTotpEntry(uri(), 7)), { uri: uri(), lastCount: 7 });
  assert.deepEqual(readTotpEntry({ totp: uri(), 'last-count': null }), { uri: uri() });
  for (const entry of [undefined, null, 7, {}, [], { totp: 7 }]) assert.equal(readTotpEntry(entry), undefined);
});

test('a new URI is stored in one form, with what its own server wrote', () => {
  assert.equal(normalizeTotpUri(uri()), uri());
  assert.equal(
    normalizeTotpUri('otpauth://totp/a%40pbs?secret=gezdgnbvgy3tqojq&algorithm=sha256'),
    'otpauth://totp/a%40pbs?secret=GEZDGNBVGY3TQOJQ&digits=6&period=30&algorithm=SHA256',
  );
  for (const label of ['PBS:a@pbs', 'Backup Server - x:a@pbs', 'Backup%20Server:a%40pbs']) {
    assert.match(normalizeTotpUri(uri({ label })), /^otpauth:\/\/totp\/PBS:a%40pbs\?secret=GEZDGNBV/);
  }
  const made = newTotpUri({ issuer: 'Granary - höst', account: 'ä:b@pbs' });
  assert.match(made, /^otpauth:\/\/totp\/Granary%20-%20h%C3%B6st:%C3%A4%3Ab%40pbs\?secret=[A-Z2-7]{32}&issuer=Granary/);
  assert.equal(normalizeTotpUri(made), made);
  assert.equal(made.includes(`secret=${totpSecret(made)}&`), true);
});

test('what is no such URI is refused without showing its secret', () => {
  const cases: [string, RegExp][] = [
    ['', /not a valid otpauth URI/],
    [`https://totp/a?secret=${secrets.SHA1}`, /not a valid otpauth URI/],
    [`otpauth://totp/a?secret=${secrets.SHA1}!`, /not a valid otpauth URI/],
    ['otpauth://totp/a?digits=6', /not a valid otpauth URI/],
    [`otpauth://totp/a\ud800?secret=${secrets.SHA1}`, /not an otpauth URI/],
    [`otpauth://hotp/a?secret=${secrets.SHA1}&counter=1`, /of type totp/],
    [uri({ algorithm: 'MD5' }), /otpauth URI|unsupported algorithm/],
    [uri({ algorithm: 'SHA3-256' }), /otpauth URI|unsupported algorithm/],
    [uri({ digits: 4 }), /6 to 8 digits/],
    [uri({ digits: 10 }), /6 to 8 digits/],
    [uri({ period: 5 }), /10 to 120 seconds/],
    [uri({ period: 86400 }), /10 to 120 seconds/],
    [uri({ secret: 'GEZDGNBV' }), /less than 10 bytes/],
  ];
  for (const [text, problem] of cases) assert.throws(() => normalizeTotpUri(text), refused(problem), text);
  assert.equal(verifyTotp({ uri: 'nonsense' }, '123456', 0), undefined);
});
