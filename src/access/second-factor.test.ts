// Logins with a second factor: what is asked, what is accepted once, what locks, and what neither crashes nor other
// processes can take away from that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { GranaryError } from '../base/errors.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { AccessControl } from './access-control.ts';
import { newTotpUri, totpCode } from './totp.ts';

const peer = '[::ffff:127.0.0.1]:4711';
const user = 'a@pbs';
const start = 1_800_000_000_000;

let home: string;
let directories: Directories;
let access: AccessControl;
let time: number;
const clock = { now: () => time };
const open = (): Promise<AccessControl> =>
  AccessControl.open(directories, clock, {
    sleep: async () => {},
    realms: [{ name: 'pbs', authenticate: async (_name, password) => assert.equal(password, 'right') }],
  });

beforeEach(async () => {
  home = scratchFolder('granary-tfa-');
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  time = start;
  access = await open();
  await access.users.create({ userid: user });
});
afterEach(async () => {
  setFailpoint('atomic-file:before-write', undefined);
  await rm(home, { recursive: true });
});

const denied = (error: unknown) => {
  assert.ok(error instanceof GranaryError && error.code === 'auth-failed');
  assert.equal(error.message, 'permission check failed.');
  return true;
};
const reason = (): string =>
  /msg=(.*)$/.exec(
    fs
      .readFileSync(join(directories.log, 'api', 'auth.log'), 'utf8')
      .trim()
      .split('\n')
      .at(-1)!,
  )![1]!;
const tfaFile = (): string => join(directories.config, 'tfa.json');
const stored = () => JSON.parse(fs.readFileSync(tfaFile(), 'utf8')).users[user];
const ask = async (on = access) => {
  const { ticket, isPartial } = await on.login(user, 'right', { peer });
  assert.equal(isPartial, true);
  const challenge = JSON.parse(decodeURIComponent(ticket.split(':')[1]!).slice('!tfa!'.length));
  return { ticket, challenge: challenge as Record<string, unknown> };
};
const answer = async (response: string, ticket?: string, on = access) =>
  on.login(user, response, { peer, tfaChallenge: ticket ?? (await ask(on)).ticket });
const addTotp = async (): Promise<string> => {
  const totp = newTotpUri({ issuer: 'PBS', account: user });
  await access.tfa.add(user, { type: 'totp', description: 'phone', totp, value: totpCode(totp, time) });
  return totp;
};
const wrongCode = (uri: string): string => {
  const good = [-1, 0, 1].map((step) => totpCode(uri, time + step * 30_000));
  return ['000000', '000001', '000002', '000003'].find((code) => !good.includes(code))!;
};
const addRecovery = async (): Promise<string[]> => (await access.tfa.add(user, { type: 'recovery' })).recovery!;

test('a one-time code is asked for, is good once, and is remembered in the file', async () => {
  assert.equal((await access.login(user, 'right', { peer })).isPartial, false);
  const uri = await addTotp();
  assert.equal(stored().totp[0].entry, uri);
  const { ticket, challenge } = await ask();
  assert.deepEqual(challenge, { totp: true });
  const code = totpCode(uri, time);
  assert.equal((await answer(`totp:${code}`, ticket)).isPartial, false);
  assert.deepEqual(stored().totp[0].entry, { totp: uri, 'last-count': Math.floor(time / 30_000) });
  await assert.rejects(answer(`totp:${code}`, ticket), denied);
  await assert.rejects(answer(`totp:${totpCode(uri, time - 30_000)}`), denied);
  assert.equal(reason(), 'wrong one-time code');
  time += 30_000;
  await answer(`totp:${totpCode(uri, time)}`);
  // A ticket goes on without the code, and only a ticket.
  const { ticket: full } = access.issueTicket(user);
  assert.equal((await access.login(user, full, { peer })).isPartial, false);
});

test('the password is asked for first, and an answer needs the question', async () => {
  const uri = await addTotp();
  await assert.rejects(access.login(user, 'wrong', { peer }), denied);
  await assert.rejects(access.login(user, `totp:${totpCode(uri, time)}`, { peer }), denied);
  const { ticket } = await ask();
  for (const response of [
    '',
    'right',
    'totp',
    `recovery:${totpCode(uri, time)}`,
    'u2f:{}',
    'webauthn:{}',
    '__proto__:x',
  ]) {
    await assert.rejects(answer(response, ticket), denied, response);
  }
  assert.equal(reason(), 'not an answer to the second factor');
  time += 601_000;
  await assert.rejects(answer(`totp:${totpCode(uri, time)}`, ticket), denied);
  assert.match(reason(), /expired/);
});

test('disabled factors are not asked for; any enabled one is enough', async () => {
  const first = await addTotp();
  const second = await addTotp();
  const id = access.tfa.list(user)[0]!.id;
  await access.tfa.update(user, id, { enable: false });
  await assert.rejects(answer(`totp:${totpCode(first, time)}`), denied);
  await answer(`totp:${totpCode(second, time)}`);
  for (const entry of access.tfa.list(user)) await access.tfa.update(user, entry.id, { enable: false });
  assert.equal((await access.login(user, 'right', { peer })).isPartial, false);
});

test('recovery keys are good once each, and new ones replace the old', async () => {
  const [old] = await addRecovery();
  const keys = await addRecovery();
  assert.deepEqual((await ask()).challenge, { recovery: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
  await assert.rejects(answer(`recovery:${old}`), denied);
  await answer(`recovery:${keys[3]}`);
  assert.equal(stored().recovery.entries[3], null);
  assert.deepEqual((await ask()).challenge, { recovery: [0, 1, 2, 4, 5, 6, 7, 8, 9] });
  await assert.rejects(answer(`recovery:${keys[3]}`), denied);
  assert.equal(reason(), 'wrong recovery key');
  for (const [i, key] of keys.entries()) if (i !== 3) await answer(`recovery:${key}`);
  await assert.rejects(access.login(user, 'right', { peer }), denied);
  assert.equal(reason(), 'none of the second factors can be used');
});

test('eight wrong codes lock one-time codes until a recovery key is used', async () => {
  const uri = await addTotp();
  const [one, two] = await addRecovery();
  const { ticket } = await ask();
  for (let i = 0; i < 7; i++) await assert.rejects(answer(`totp:${wrongCode(uri)}`, ticket), denied);
  assert.deepEqual(access.tfa.locks(user), {});
  // The right one makes an end of the row.
  await answer(`totp:${totpCode(uri, time)}`, ticket);
  time += 60_000;
  for (let i = 0; i < 8; i++) await assert.rejects(answer(`totp:${wrongCode(uri)}`, ticket), denied);
  assert.deepEqual(access.tfa.locks(user), { 'totp-locked': true });
  assert.equal(stored()['totp-locked'], true);
  await assert.rejects(answer(`totp:${totpCode(uri, time)}`, ticket), denied);
  assert.equal(reason(), 'one-time codes are locked');
  assert.deepEqual(Object.keys((await ask()).challenge), ['recovery']);
  await answer(`recovery:${one}`);
  assert.deepEqual(access.tfa.locks(user), {});
  await answer(`totp:${totpCode(uri, time)}`);
  // What an administrator does instead.
  time += 60_000;
  for (let i = 0; i < 8; i++) await assert.rejects(answer(`totp:${wrongCode(uri)}`), denied);
  await assert.rejects(answer(`recovery:${two}x`), denied);
  assert.equal(await access.tfa.unlock(user), true);
  assert.equal(await access.tfa.unlock(user), false);
  for (let i = 0; i < 7; i++) await assert.rejects(answer(`totp:${wrongCode(uri)}`), denied);
  await answer(`totp:${totpCode(uri, time)}`);
});

test('a hundred wrong answers lock everything for an hour, and then there are a hundred more', async () => {
  const uri = await addTotp();
  const [key] = await addRecovery();
  let { ticket } = await ask();
  const wrong = () => assert.rejects(answer('recovery:0000-0000-0000-0000', ticket), denied);
  for (let i = 0; i < 99; i++) await wrong();
  assert.deepEqual(access.tfa.locks(user), {});
  await wrong();
  assert.deepEqual(access.tfa.locks(user), { 'tfa-locked-until': time / 1000 + 3600 });
  for (const response of [`recovery:${key}`, `totp:${totpCode(uri, time)}`]) {
    await assert.rejects(answer(response, ticket), denied);
    assert.equal(reason(), 'the second factors are locked');
  }
  await assert.rejects(access.login(user, 'right', { peer }), denied);
  time += 3600_000;
  assert.deepEqual(access.tfa.locks(user), {});
  ({ ticket } = await ask());
  await wrong();
  assert.deepEqual(access.tfa.locks(user), {});
  await answer(`recovery:${key}`, ticket);
  assert.equal(stored()['tfa-locked-until'], undefined);
});

test('the hundredth answer may still be the right one', async () => {
  const [key] = await addRecovery();
  const { ticket } = await ask();
  for (let i = 0; i < 99; i++) await assert.rejects(answer('recovery:x', ticket), denied);
  await answer(`recovery:${key}`, ticket);
  assert.deepEqual(access.tfa.locks(user), {});
});

test('failures of other processes count, and a code is good in one of them only', async () => {
  const uri = await addTotp();
  const { ticket } = await ask();
  const others = await Promise.all([open(), open(), open(), open()]);
  const code = totpCode(uri, time);
  const results = await Promise.allSettled(others.map((on) => answer(`totp:${code}`, ticket, on)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  time += 60_000;
  const attempts = Array.from({ length: 12 }, (_, i) => answer(`totp:${wrongCode(uri)}`, ticket, others[i % 4]));
  for (const { status } of await Promise.allSettled(attempts)) assert.equal(status, 'rejected');
  assert.deepEqual(access.tfa.locks(user), { 'totp-locked': true });
  assert.match(fs.readFileSync(join(directories.log, 'api', 'auth.log'), 'utf8'), /msg=one-time codes are locked/);
});

test('of several processes that try the same code and the same key at once, one gets in', async () => {
  time = Date.now();
  const uri = await addTotp();
  const [key] = await addRecovery();
  const { ticket } = await ask();
  const script = `
    import { AccessControl } from ${JSON.stringify(import.meta.resolve('./access-control.ts'))};
    import { resolveDirectories } from ${JSON.stringify(import.meta.resolve('../config/directories.ts'))};
    const clock = { now: () => ${time} };
    const access = await AccessControl.open(resolveDirectories(process.argv[1], ''), clock, { sleep: async () => {} });
    process.stdout.write('ready\\n');
    for await (const line of process.stdin) {
      let inside = 0;
      for (const response of String(line).trim().split(' ')) {
        await access.login('${user}', response, { peer: 'x', tfaChallenge: process.argv[2] }).then(() => inside++, () => {});
      }
      process.stdout.write(inside + '\\n');
      process.exit(0);
    }`;
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, home, ticket];
  const children = Array.from({ length: 3 }, () => spawn(process.execPath, options));
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  const results = children.map((child) => once(child.stdout, 'data'));
  for (const child of children) child.stdin.write(`totp:${totpCode(uri, time)} recovery:${key}\n`);
  const inside = (await Promise.all(results)).map(([text]) => Number(String(text)));
  assert.equal(
    inside.reduce((sum, count) => sum + count, 0),
    2,
  );
});

test('an answer that cannot be written down is not accepted, and counts as wrong', async () => {
  const uri = await addTotp();
  const keys = await addRecovery();
  const { ticket } = await ask();
  const before = fs.readFileSync(tfaFile(), 'utf8');
  for (const [i, response] of [`totp:${totpCode(uri, time)}`, `recovery:${keys[0]}`].entries()) {
    for (const point of ['before-write', 'after-write', 'after-fsync']) {
      // The first write is the count of failures, the second one the file.
      for (const at of [1, 2]) {
        setFailpoint(`atomic-file:${point}`, `ENOSPC@${at}`);
        await assert.rejects(answer(response, ticket), denied);
        setFailpoint(`atomic-file:${point}`, undefined);
        assert.equal(fs.readFileSync(tfaFile(), 'utf8'), before);
      }
    }
    assert.match(reason(), /ENOSPC|no space/, String(i));
  }
  const run = join(directories.run, 'tfa');
  const [name] = fs.readdirSync(run).filter((file) => file.endsWith('.json'));
  const state = JSON.parse(fs.readFileSync(join(run, name!), 'utf8'));
  assert.deepEqual([state['totp-failures'], state['tfa-failures']], [3, 6]);
  assert.equal(fs.statSync(join(run, name!)).mode & 0o777, 0o600);
  assert.equal(fs.statSync(run).mode & 0o777, 0o700);
  await answer(`totp:${totpCode(uri, time)}`, ticket);
  await answer(`recovery:${keys[0]}`, ticket);
});

test('a crash while a code is used leaves it used or unused, and the next login goes on from there', async () => {
  time = Date.now();
  const uri = await addTotp();
  const { ticket } = await ask();
  const script = `
    import { AccessControl } from ${JSON.stringify(import.meta.resolve('./access-control.ts'))};
    import { resolveDirectories } from ${JSON.stringify(import.meta.resolve('../config/directories.ts'))};
    import { setFailpoint } from ${JSON.stringify(import.meta.resolve('../os/failpoint.ts'))};
    const access = await AccessControl.open(resolveDirectories(process.argv[1], ''), { now: () => ${time} });
    setFailpoint('atomic-file:' + process.argv[2], 'kill@' + process.argv[3]);
    await access.login('${user}', process.argv[4], { peer: 'x', tfaChallenge: process.argv[5] });`;
  const response = `totp:${totpCode(uri, time)}`;
  const crashes: [string, string, boolean][] = [
    ['after-rename', '1', false],
    ['after-fsync', '2', false],
    ['after-rename', '2', true],
  ];
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
  const crash = async ([point, at, used]: (typeof crashes)[number], i: number): Promise<void> => {
    const copy = join(home, `copy-${i}`);
    for (const name of ['etc', 'run']) fs.cpSync(join(home, name), join(copy, name), { recursive: true });
    const child = spawn(process.execPath, [...options, copy, point, at, response, ticket]);
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
    const [entry] = JSON.parse(fs.readFileSync(join(copy, 'etc', 'tfa.json'), 'utf8')).users[user].totp;
    assert.equal(typeof entry.entry === 'object', used, `${point} ${at}`);
    const later = await AccessControl.open(resolveDirectories(copy, ''), clock, { sleep: async () => {} });
    const again = answer(response, ticket, later);
    await (used ? assert.rejects(again, denied) : again);
  };
  await Promise.all(crashes.map(crash));
});

test('a broken file lets nobody past the password', async () => {
  fs.writeFileSync(tfaFile(), '{"users":');
  await assert.rejects(access.login(user, 'right', { peer }), denied);
  assert.match(reason(), /tfa\.json.*line 1/);
});

test('factors that this server cannot ask for keep the door closed', async () => {
  const closed: [object, string][] = [
    [{ u2f: [{ id: 'x' }] }, 'none of the second factors can be used'],
    [{ yubico: [{ id: 'x', entry: 'y' }] }, 'none of the second factors can be used'],
    [{ webauthn: [{ id: 'x', entry: 'y' }] }, 'none of the second factors can be used'],
    [{ recovery: { secret: 'x', entries: [] } }, 'none of the second factors can be used'],
  ];
  for (const [factors, text] of closed) {
    fs.writeFileSync(tfaFile(), JSON.stringify({ users: { [user]: factors } }));
    await assert.rejects(access.login(user, 'right', { peer }), denied);
    assert.equal(reason(), text);
  }
  fs.writeFileSync(tfaFile(), JSON.stringify({ users: { [user]: { totp: [{ id: 'x', entry: 'nonsense' }] } } }));
  await assert.rejects(answer('totp:123456'), denied);
  for (const open of [{}, { totp: [] }, { totp: [{ id: 'x', enable: false }] }, { 'totp-locked': true }]) {
    fs.writeFileSync(tfaFile(), JSON.stringify({ users: { [user]: open } }));
    assert.equal((await access.login(user, 'right', { peer })).isPartial, false);
  }
});

test('a removed user leaves no factor to a new one of the name, and the superuser keeps those it has', async () => {
  await addTotp();
  await access.users.remove(user);
  assert.deepEqual(JSON.parse(fs.readFileSync(tfaFile(), 'utf8')).users, {});
  await access.users.create({ userid: user });
  await addRecovery();
  fs.writeFileSync(join(directories.config, 'user.cfg'), '');
  await access.users.create({ userid: user });
  assert.equal((await access.login(user, 'right', { peer })).isPartial, false);
  // The disk fails when everything but the factors is gone.
  await addRecovery();
  setFailpoint('atomic-file:before-write', 'EIO@2');
  await assert.rejects(access.users.remove(user), /EIO/);
  setFailpoint('atomic-file:before-write', undefined);
  assert.deepEqual([access.users.exists(user), access.tfa.list(user).length], [false, 1]);
  await access.users.create({ userid: user });
  assert.deepEqual(access.tfa.list(user), []);
  await access.tfa.add('root@pam', { type: 'recovery' });
  await access.users.create({ userid: 'root@pam', comment: 'me' });
  await access.users.remove('root@pam');
  assert.equal(access.tfa.list('root@pam').length, 1);
});
