import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { AccessControl, type RequestCredentials } from './access-control.ts';
import type { SecondFactor } from './second-factor.ts';

const peer = '[::ffff:127.0.0.1]:4711';
const start = 0x6b03a79e * 1000;

let home: string;
let directories: Directories;
let time: number;
let slept: number[];
const clock = { now: () => time };
const sleep = async (milliseconds: number): Promise<void> => {
  slept.push(milliseconds);
  time += milliseconds;
};
const open = (o: { secondFactor?: SecondFactor } = {}): Promise<AccessControl> =>
  AccessControl.open(directories, clock, { sleep, ...o });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'granary-access-'));
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  time = start;
  slept = [];
});
afterEach(() => rm(home, { recursive: true }));

const refused = (text: string) => (error: unknown) => {
  assert.ok(error instanceof GranaryError && error.code === 'auth-failed' && error.status === 401);
  assert.equal(error.message, text);
  return true;
};
const authLog = (): string[] =>
  fs
    .readFileSync(join(directories.log, 'api', 'auth.log'), 'utf8')
    .trim()
    .split('\n');
const cookie = (ticket: string, name = 'PBSAuthCookie'): string => `a=b; ${name}=${encodeURIComponent(ticket)}; c=d`;

/** The accounts of the server that the recorded answers come from. */
async function fixture(access: AccessControl): Promise<{ secret: string }> {
  await access.users.create({ userid: 'root@pam', comment: 'Superuser' });
  await access.users.create({ userid: 'admin@pbs' }, 'admin-password');
  const secret = await access.users.generateToken({ tokenid: 'admin@pbs!fx' });
  await access.users.create({ userid: 'audit@pbs' }, 'audit-password');
  await access.updateAcl('root@pam', { path: '/', role: 'Admin', authId: 'admin@pbs' });
  await access.updateAcl('root@pam', { path: '/', role: 'Admin', authId: 'admin@pbs!fx' });
  return { secret };
}

test('the first start makes the keys, later ones keep them', async () => {
  await Promise.all([open(), open(), open()]);
  const read = (name: string): string => fs.readFileSync(join(directories.config, name), 'utf8');
  const before = ['authkey.key', 'authkey.pub', 'csrf.key'].map(read);
  assert.match(before[0]!, /^-----BEGIN PRIVATE KEY-----\n/);
  assert.equal(createPublicKey(before[0]!).export({ type: 'spki', format: 'pem' }), before[1]);
  assert.equal(Buffer.from(before[2]!, 'base64').byteLength, 64);
  const modes = ['authkey.key', 'authkey.pub', 'csrf.key'].map(
    (name) => fs.statSync(join(directories.config, name)).mode & 0o777,
  );
  assert.deepEqual(modes, [0o600, 0o640, 0o640]);
  const access = await open();
  assert.deepEqual(['authkey.key', 'authkey.pub', 'csrf.key'].map(read), before);
  assert.match(access.issueTicket('root@pam').ticket, /^PBS:root@pam:6B03A79E::/);
});

test('the RSA key pair of an older server is taken over', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' });
  fs.writeFileSync(join(directories.config, 'authkey.key'), pem, { mode: 0o600 });
  const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  fs.writeFileSync(join(directories.config, 'authkey.pub'), publicPem);
  const access = await open();
  assert.equal(fs.readFileSync(join(directories.config, 'authkey.key'), 'utf8'), pem);
  const { ticket } = access.issueTicket('root@pam');
  assert.equal(await access.authenticate({ method: 'GET', cookie: cookie(ticket), peer }), 'root@pam');
});

test('a new key in the files counts at once', async () => {
  const access = await open();
  const { ticket } = access.issueTicket('root@pam');
  const pair = generateKeyPairSync('ed25519');
  fs.writeFileSync(join(directories.config, 'authkey.pub'), pair.publicKey.export({ type: 'spki', format: 'pem' }));
  await assert.rejects(
    access.authenticate({ method: 'GET', cookie: cookie(ticket), peer }),
    refused('authentication failed - ticket with invalid signature'),
  );
});

test('a password gives a ticket, a ticket gives another, both are accepted as cookies', async () => {
  const access = await open();
  await fixture(access);
  const first = await access.login('admin@pbs', 'admin-password', { peer });
  assert.equal(first.username, 'admin@pbs');
  time += 7_000_000;
  const second = await access.login('admin@pbs', first.ticket, { peer });
  assert.notEqual(second.ticket, first.ticket);
  for (const name of ['PBSAuthCookie', '__Host-PBSAuthCookie']) {
    const request = { method: 'GET', cookie: cookie(second.ticket, name), peer };
    assert.equal(await access.authenticate(request), 'admin@pbs');
    assert.equal(await access.authenticate({ ...request, method: 'POST', csrf: second.csrf }), 'admin@pbs');
  }
  const both = `PBSAuthCookie=x; __Host-PBSAuthCookie=${second.ticket}`;
  assert.equal(await access.authenticate({ method: 'GET', cookie: both, peer }), 'admin@pbs');
  assert.deepEqual(slept, []);
  assert.match(authLog()[0]!, /^\S{25}: successful auth for user 'admin@pbs'$/);
});

test('failed logins have one text and one time, and the log has the reason', async () => {
  const access = await open();
  await fixture(access);
  await access.users.create({ userid: 'off@pbs', enable: false }, 'off-password');
  await access.users.create({ userid: 'old@pbs', expire: start / 1000 }, 'old-password');
  const other = access.issueTicket('audit@pbs').ticket;
  const cases: [string, string, string][] = [
    ['admin@pbs', 'wrong', 'invalid credentials'],
    ['admin@pbs', '', 'invalid credentials'],
    ['admin@pbs', other, 'invalid credentials'],
    ['admin@pbs', 'admin-password\0', 'invalid credentials'],
    ['nobody@pbs', 'admin-password', 'user account disabled or expired.'],
    ['off@pbs', 'off-password', 'user account disabled or expired.'],
    ['old@pbs', 'old-password', 'user account disabled or expired.'],
    ['admin@pbs!fx', 'x', 'user account disabled or expired.'],
    ['__proto__@pbs', 'x', 'user account disabled or expired.'],
    ['root@pam', 'x', 'Authentication failure'],
    ['x@nowhere', 'x', 'user account disabled or expired.'],
    ['no user', 'x', 'user account disabled or expired.'],
  ];
  for (const [user, password, reason] of cases) {
    slept = [];
    const startedAt = time - 1000;
    await assert.rejects(access.login(user, password, { peer, startedAt }), refused('permission check failed.'));
    assert.deepEqual(slept, [2000], `${user} ${password}`);
    const line = `: authentication failure; rhost=${peer} user=${user} msg=${reason}`;
    assert.equal(authLog().at(-1)!.slice(25), line);
  }
});

test('a name cannot make lines of its own in the log', async () => {
  const access = await open();
  await access.login("x\n2026-01-01T00:00:00+00:00: successful auth for user 'x@pbs'", 'x', { peer }).catch(() => {});
  assert.equal(authLog().length, 1);
});

test('a failed request says why', async () => {
  const access = await open();
  const { secret } = await fixture(access);
  await access.users.create({ userid: 'off@pbs', enable: false });
  await access.users.generateToken({ tokenid: 'admin@pbs!off', enable: false });
  const { ticket, csrf } = access.issueTicket('admin@pbs');
  const cases: [Partial<RequestCredentials>, string][] = [
    [{}, 'no authentication credentials provided.'],
    [{ cookie: 'other=1' }, 'no authentication credentials provided.'],
    [{ authorization: 'Basic abc' }, 'no authentication credentials provided.'],
    [{ authorization: `pbsapitoken=admin@pbs!fx:${secret}` }, 'no authentication credentials provided.'],
    [{ authorization: `PBSAPIToken:admin@pbs!fx:${secret}` }, 'no authentication credentials provided.'],
    [{ authorization: 'PBSAPIToken=' }, 'no authentication credentials provided.'],
    [{ authorization: `PBSAPIToken==admin@pbs!fx:${secret}` }, 'user account or token disabled or expired.'],
    [{ authorization: 'PBSAPIToken=x:y' }, 'not a valid user id'],
    [{ authorization: 'PBSAPIToken=admin@pbs:y' }, 'not an API token ID'],
    [{ authorization: 'PBSAPIToken=admin@pbs!a b:y' }, 'invalid token name'],
    [{ authorization: 'PBSAPIToken=admin@pbs!fx:wrong' }, 'invalid credentials'],
    [{ authorization: 'PBSAPIToken=admin@pbs!fx:' }, 'invalid credentials'],
    [{ authorization: 'PBSAPIToken=admin@pbs!none:x' }, 'user account or token disabled or expired.'],
    [{ authorization: 'PBSAPIToken=admin@pbs!off:x' }, 'user account or token disabled or expired.'],
    [{ cookie: 'PBSAuthCookie=', authorization: `PBSAPIToken=admin@pbs!fx:${secret}` }, 'ticket without data'],
    [{ cookie: cookie(ticket.replace('admin', 'audit')) }, 'ticket with invalid signature'],
    [{ cookie: cookie(access.issueTicket('off@pbs').ticket) }, 'user account disabled or expired.'],
    [{ cookie: cookie(access.issueTicket('gone@pbs').ticket) }, 'user account disabled or expired.'],
    [{ cookie: cookie(access.issueTicket('admin@pbs!fx').ticket) }, 'not a valid user id'],
    [{ cookie: cookie(ticket), method: 'POST' }, 'missing CSRF prevention token'],
    [
      { cookie: cookie(ticket), method: 'PUT', csrf: 'x' },
      'invalid csrf token - format error - wrong number of parts.',
    ],
    [
      { cookie: cookie(ticket), method: 'DELETE', csrf: access.issueTicket('audit@pbs').csrf },
      'invalid csrf token - invalid signature.',
    ],
  ];
  for (const [request, reason] of cases) {
    slept = [];
    const given = { method: 'GET', peer, startedAt: time, ...request };
    await assert.rejects(access.authenticate(given), refused(`authentication failed - ${reason}`));
    assert.deepEqual(slept, [3000]);
    assert.ok(authLog().at(-1)!.endsWith(`msg=${reason}`));
  }
  const good = { cookie: cookie(ticket), csrf, method: 'DELETE', peer };
  assert.equal(await access.authenticate(good), 'admin@pbs');
});

test('a late failure is not delayed further, and a clock that was set back does not hold it', async () => {
  const access = await open();
  await access.authenticate({ method: 'GET', peer, startedAt: time - 5000 }).catch(() => {});
  assert.deepEqual(slept, []);
  await access.authenticate({ method: 'GET', peer, startedAt: time + 3600_000 }).catch(() => {});
  assert.deepEqual(slept, [3000]);
});

test('API tokens: both forms of the header, until the secret, the token or its user changes', async () => {
  const access = await open();
  const elsewhere = await open();
  const { secret } = await fixture(access);
  const call = (value: string, on = access): Promise<string> =>
    on.authenticate({ method: 'POST', authorization: value, peer });
  const header = `PBSAPIToken=admin@pbs!fx:${secret}`;
  assert.equal(await call(header), 'admin@pbs!fx');
  assert.equal(await call(header.replace('=', ' ')), 'admin@pbs!fx');
  assert.equal(await call(header.replace('!', '%21').replaceAll('-', '%2D')), 'admin@pbs!fx');
  const wrong = header.replace(/.$/, (char) => (char === '0' ? '1' : '0'));
  await assert.rejects(call(wrong), refused('authentication failed - invalid credentials'));

  const next = await elsewhere.users.updateToken('admin@pbs!fx', {}, { regenerate: true });
  await assert.rejects(call(header), refused('authentication failed - invalid credentials'));
  const nextHeader = `PBSAPIToken=admin@pbs!fx:${next}`;
  assert.equal(await call(nextHeader), 'admin@pbs!fx');

  const disabled = refused('authentication failed - user account or token disabled or expired.');
  await elsewhere.users.update('admin@pbs', { enable: false });
  await assert.rejects(call(nextHeader), disabled);
  await elsewhere.users.update('admin@pbs', {}, { remove: ['enable'] });
  assert.equal(await call(nextHeader), 'admin@pbs!fx');
  await elsewhere.users.updateToken('admin@pbs!fx', { expire: time / 1000 });
  await assert.rejects(call(nextHeader), disabled);
  await elsewhere.users.updateToken('admin@pbs!fx', { expire: 0 });
  assert.equal(await call(nextHeader), 'admin@pbs!fx');
  await elsewhere.users.removeToken('admin@pbs!fx');
  await assert.rejects(call(nextHeader), disabled);
});

/** Published test vectors of crypt schemes, and whether the hash is replaced once its password was used. */
const schemes: { scheme: string; password: string; hash: string; replaced: boolean }[] = [
  {
    scheme: 'yescrypt',
    password: 'pleaseletmein',
    hash: '$y$jD5.7$LdJMENpBABJJ3hIHjB1Bi.$HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6',
    replaced: false,
  },
  {
    scheme: 'SHA-256 crypt',
    password: 'Hello world!',
    hash: '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5',
    replaced: true,
  },
  {
    scheme: 'SHA-512 crypt',
    password: 'Hello world!',
    hash: '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    replaced: true,
  },
  {
    scheme: 'bcrypt',
    password: 'U*U',
    hash: '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    replaced: true,
  },
];

for (const { scheme, password, hash, replaced } of schemes) {
  test(`a hash of ${scheme} is accepted${replaced ? ' and replaced by a better one' : ''}`, async () => {
    const access = await open();
    await access.users.create({ userid: 'old@pbs' });
    const path = join(directories.config, 'shadow.json');
    const stored = (): string => JSON.parse(fs.readFileSync(path, 'utf8')).old;
    fs.writeFileSync(path, JSON.stringify({ old: hash }));
    await assert.rejects(access.login('old@pbs', `${password}x`, { peer }), refused('permission check failed.'));
    assert.equal(stored(), hash);
    await access.login('old@pbs', password, { peer });
    if (replaced) assert.match(stored(), /^\$y\$j9T\$[./A-Za-z0-9]{22}\$/);
    else assert.equal(stored(), hash);
    await access.login('old@pbs', password, { peer });
    await assert.rejects(access.login('old@pbs', `${password}x`, { peer }), refused('permission check failed.'));
  });
}

test('what is no hash fits no password and is left alone', async () => {
  const access = await open();
  const path = join(directories.config, 'shadow.json');
  const text = JSON.stringify({ broken: 'x', empty: '', star: '*' });
  for (const name of ['broken', 'empty', 'star']) await access.users.create({ userid: `${name}@pbs` });
  fs.writeFileSync(path, text);
  for (const name of ['broken', 'empty', 'star']) {
    for (const password of ['x', '', '*']) {
      await assert.rejects(access.login(`${name}@pbs`, password, { peer }), refused('permission check failed.'));
    }
  }
  assert.equal(fs.readFileSync(path, 'utf8'), text);
});

test('a second factor is asked for with a partial ticket that is good for nothing else', async () => {
  const secondFactor: SecondFactor = {
    challenge: async (userId) => (userId === 'admin@pbs' ? { totp: true } : undefined),
    verify: async (_userId, challenge, response) => {
      if (challenge['totp'] !== true || response !== 'totp:123456') throw new Error('wrong code');
    },
  };
  const access = await open({ secondFactor });
  await fixture(access);
  const partial = await access.login('admin@pbs', 'admin-password', { peer });
  assert.equal(partial.csrf, 'invalid');
  assert.match(partial.ticket, /^PBS:!tfa!/);
  const denied = refused('permission check failed.');
  const answer = (user: string, response: string, tfaChallenge: string): Promise<{ ticket: string }> =>
    access.login(user, response, { peer, tfaChallenge });
  await assert.rejects(access.authenticate({ method: 'GET', cookie: cookie(partial.ticket), peer }));
  await assert.rejects(access.login('admin@pbs', partial.ticket, { peer }), denied);
  await assert.rejects(answer('admin@pbs', 'totp:000000', partial.ticket), denied);
  await assert.rejects(answer('audit@pbs', 'totp:123456', partial.ticket), denied);
  await assert.rejects(answer('admin@pbs', 'totp:123456', access.issueTicket('admin@pbs').ticket), denied);
  const { ticket } = await answer('admin@pbs', 'totp:123456', partial.ticket);
  assert.equal(await access.authenticate({ method: 'GET', cookie: cookie(ticket), peer }), 'admin@pbs');
  time = start + 3600_000;
  await assert.rejects(answer('admin@pbs', 'totp:123456', partial.ticket), denied);
});

test('a change is confirmed with the own password', async () => {
  const access = await open();
  await fixture(access);
  await access.confirmPassword('admin@pbs', 'admin-password', { peer });
  assert.deepEqual(slept, []);
  await assert.rejects(access.confirmPassword('admin@pbs', undefined, { peer }), refused('missing password'));
  await assert.rejects(
    access.confirmPassword('admin@pbs', 'no', { peer, startedAt: time }),
    refused('invalid credentials'),
  );
  await assert.rejects(access.confirmPassword('root@pam', 'no', { peer }), refused('invalid credentials'));
  assert.equal(slept.length, 3);
});

test('a broken file lets nobody in and shows no stranger where it is', async () => {
  const access = await open();
  const { ticket } = access.issueTicket('root@pam');
  fs.writeFileSync(join(directories.config, 'user.cfg'), 'nonsense\n');
  const request = { method: 'GET', cookie: cookie(ticket), peer };
  await assert.rejects(access.authenticate(request), refused('authentication failed - internal error'));
  assert.match(authLog().at(-1)!, /user\.cfg/);
});
