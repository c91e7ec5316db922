import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { formatRepository, makeRepository, parseRepository, parseServerAddress } from './repository.ts';

const parsed = (text: string): unknown[] => {
  const r = parseRepository(text);
  return [r.authId, r.host, r.port, r.store];
};

test('every form of a repository string is understood', () => {
  assert.deepEqual(parsed('mydatastore'), ['root@pam', 'localhost', 8007, 'mydatastore']);
  assert.deepEqual(parsed('host:store'), ['root@pam', 'host', 8007, 'store']);
  assert.deepEqual(parsed('10.1.2.3:8008:store'), ['root@pam', '10.1.2.3', 8008, 'store']);
  assert.deepEqual(parsed('user@pbs@host:store'), ['user@pbs', 'host', 8007, 'store']);
  assert.deepEqual(parsed('user@pbs!tok@host:1234:store'), ['user@pbs!tok', 'host', 1234, 'store']);
  assert.deepEqual(parsed('a@b.c@pbs@host:store'), ['a@b.c@pbs', 'host', 8007, 'store']);
  assert.deepEqual(parsed('[2001:db8::1]:store'), ['root@pam', '2001:db8::1', 8007, 'store']);
  assert.deepEqual(parsed('u@pbs@[::1]:8008:sto'), ['u@pbs', '::1', 8008, 'sto']);
  assert.deepEqual(parsed('u@pbs@::1:sto'), ['u@pbs', '::1', 8007, 'sto']);
});

test('what cannot be understood is refused with the reason', () => {
  for (const [text, reason] of [
    ['', /datastore name/],
    ['x', /datastore name/],
    ['host:sto re', /datastore name/],
    [':store', /server is empty/],
    ['user@host:store', /user@realm/],
    ['user@pbs@:store', /host name/],
    ['host:0:store', /no port/],
    ['host:99999:store', /no port/],
    ['[1.2.3.4]:store', /IPv6/],
    ['fe80::1:8008:store', /not clear/],
    ['ho st:store', /host name/],
  ] as const) {
    assert.throws(
      () => parseRepository(text),
      (error) => error instanceof GranaryError && error.code === 'usage' && reason.test(error.message),
      text,
    );
  }
});

test('the shown form always has the port and parses back', () => {
  assert.equal(formatRepository(parseRepository('admin@pbs@localhost:wire')), 'admin@pbs@localhost:8007:wire');
  assert.equal(formatRepository(parseRepository('[::1]:wire')), 'root@pam@[::1]:8007:wire');
  const id = fc.stringMatching(/^[a-z_][a-z0-9._-]{2,10}$/);
  fc.assert(
    fc.property(
      id,
      id,
      fc.constantFrom('h', 'a.b-c', '::1', '10.0.0.1'),
      fc.integer({ min: 1, max: 65535 }),
      (u, s, h, p) => {
        const repository = makeRepository({ authId: `${u}@pbs`, host: h, port: p, store: s });
        assert.deepEqual(parseRepository(formatRepository(repository)), repository);
      },
    ),
  );
});

test('a server is addressed with a datastore or without', () => {
  const token = 'admin@pbs!auto';
  const cases: Record<string, object> = {
    'backup.example.com': { authId: 'root@pam', host: 'backup.example.com', port: 8007 },
    'admin@pbs!auto@backup': { authId: token, host: 'backup', port: 8007 },
    'admin@pbs!auto@backup:123': { authId: token, host: 'backup', port: 123 },
    'admin@pbs!auto@backup:store1': { authId: token, host: 'backup', port: 8007 },
    'admin@pbs!auto@backup:123:store1': { authId: token, host: 'backup', port: 123 },
    'a@pam@[2001:db8::1]:9000': { authId: 'a@pam', host: '2001:db8::1', port: 9000 },
    'a@pam@2001:db8::1': { authId: 'a@pam', host: '2001:db8::1', port: 8007 },
  };
  for (const [text, server] of Object.entries(cases)) assert.deepEqual(parseServerAddress(text), server, text);
  for (const text of ['', 'a@pam@', 'nobody@backup', 'a@pam@host:99999', 'a@pam@[::1', 'a@pam@host:1:2:3']) {
    assert.throws(() => parseServerAddress(text), { name: 'GranaryError', code: 'usage' }, text);
  }
});
