// Security keys without a browser: origins, presence, counters, life times, and keys of other servers.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { AccessControl } from './access-control.ts';
import { type KeyFacts, SoftwareKey } from './testing/software-key.ts';

const peer = '[::ffff:127.0.0.1]:4711';
const user = 'a@pbs';
const id = 'backup.example';
const origin = `https://${id}:8007`;
const facts: KeyFacts = { origin, rpId: id };

let home: string;
let directories: Directories;
let access: AccessControl;
let time: number;

beforeEach(async () => {
  home = scratchFolder('granary-webauthn-');
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  time = 1_800_000_000_000;
  access = await AccessControl.open(
    directories,
    { now: () => time },
    {
      sleep: async () => {},
      realms: [{ name: 'pbs', authenticate: async (_name, password) => assert.equal(password, 'right') }],
    },
  );
  await access.users.create({ userid: user });
  await access.tfa.updateWebauthnConfig({ rp: 'Backup', id, origin });
});
afterEach(() => rm(home, { recursive: true }));

const tfaFile = (): string => join(directories.config, 'tfa.json');
const reason = (): string =>
  fs
    .readFileSync(join(directories.log, 'api', 'auth.log'), 'utf8')
    .trim()
    .split('\n')
    .at(-1)!;
const challengeIn = (question: unknown): string =>
  (question as { publicKey: { challenge: string } }).publicKey.challenge;
const askForKey = async (): Promise<string> => {
  const { challenge } = await access.tfa.add(user, { type: 'webauthn', description: 'key' });
  return challengeIn(JSON.parse(challenge!));
};
const register = async (key: SoftwareKey, o: Partial<KeyFacts> = {}) => {
  const challenge = await askForKey();
  return access.tfa.add(user, { type: 'webauthn', challenge, value: key.register(challenge, { ...facts, ...o }) });
};
const question = async () => {
  const { ticket } = await access.login(user, 'right', { peer });
  const text = decodeURIComponent(ticket.split(':')[1]!.slice('!tfa!'.length));
  return { ticket, asked: (JSON.parse(text) as { webauthn: { publicKey: Record<string, unknown> } }).webauthn };
};
const prove = async (key: SoftwareKey, o: Partial<KeyFacts> = {}) => {
  const { ticket, asked } = await question();
  const response = `webauthn:${key.prove(challengeIn(asked), { ...facts, ...o })}`;
  return access.login(user, response, { peer, tfaChallenge: ticket });
};

for (const algorithm of ['ES256', 'RS256'] as const) {
  test(`a key with ${algorithm} is registered and opens logins`, async () => {
    const key = new SoftwareKey(algorithm);
    await register(key);
    const [entry] = JSON.parse(fs.readFileSync(tfaFile(), 'utf8')).users[user].webauthn;
    assert.deepEqual([entry.description, entry.entry.cred.type_], ['key', algorithm]);
    for (let i = 1; i < 4; i++) {
      key.counter = i * 7;
      assert.equal((await prove(key)).isPartial, false);
    }
    await assert.rejects(prove(key));
    assert.match(reason(), /counter value 21/);
    await assert.rejects(prove(new SoftwareKey(algorithm)));
    assert.match(reason(), /unknown security key/);
  });
}

test('a key without a counter is accepted again and again', async () => {
  const key = new SoftwareKey();
  await register(key);
  await prove(key);
  await prove(key);
});

test('origins: the configured one, its subdomains unless forbidden, nothing else', async () => {
  const key = new SoftwareKey();
  await register(key);
  const outcome = async (from: string): Promise<boolean> =>
    prove(key, { origin: from }).then(
      () => true,
      () => false,
    );
  const origins = [
    origin,
    `https://one.${id}:8007`,
    `https://${id}`,
    `https://one.${id}`,
    `http://${id}:8007`,
    `https://evil${id}:8007`,
    `https://${id}.evil.example:8007`,
    `https://${id}:8007/`,
    'null',
    '',
  ];
  const accepted = async (): Promise<string[]> => {
    const list: string[] = [];
    for (const one of origins) if (await outcome(one)) list.push(one);
    return list;
  };
  assert.deepEqual(await accepted(), origins.slice(0, 2));
  await access.tfa.updateWebauthnConfig({ 'allow-subdomains': false });
  assert.deepEqual(await accepted(), origins.slice(0, 1));
  // Without an origin: that of the id, on any port.
  await access.tfa.updateWebauthnConfig({}, { remove: ['origin'] });
  assert.deepEqual(await accepted(), [origin, `https://${id}`]);
  await access.tfa.updateWebauthnConfig({}, { remove: ['allow-subdomains'] });
  assert.deepEqual(await accepted(), origins.slice(0, 4));
  await assert.rejects(register(new SoftwareKey(), { origin: 'https://evil.example' }), /the answer comes from/);
});

test('another relying party, and a person who was not there, are refused', async () => {
  await assert.rejects(register(new SoftwareKey(), { rpId: 'evil.example' }), /registration failed/);
  await assert.rejects(register(new SoftwareKey(), { userPresent: false }), /not present/);
  const key = new SoftwareKey();
  await register(key);
  await assert.rejects(prove(key, { rpId: 'evil.example' }));
  await assert.rejects(prove(key, { userPresent: false }));
  assert.match(reason(), /not present/);
  await access.tfa.updateWebauthnConfig({ id: 'other.example', origin: 'https://other.example' });
  await assert.rejects(prove(key));
});

test('a question is answered in time, by the user it was for, once', async () => {
  const key = new SoftwareKey();
  const late = await askForKey();
  time += 121_000;
  const value = key.register(late, facts);
  await assert.rejects(access.tfa.add(user, { type: 'webauthn', challenge: late, value }), /has expired/);
  const challenge = await askForKey();
  await access.users.create({ userid: 'b@pbs' });
  const answer = { type: 'webauthn', challenge, value: key.register(challenge, facts) } as const;
  await assert.rejects(access.tfa.add('b@pbs', answer), /no such challenge/);
  time += 119_000;
  await access.tfa.add(user, answer);
  await assert.rejects(access.tfa.add(user, answer), /no such challenge/);

  const { ticket, asked } = await question();
  // The answer to the question of a registration is none to that of a login.
  const mixed = await askForKey();
  for (const wrong of [key.prove(mixed, facts), key.register(challengeIn(asked), facts)]) {
    await assert.rejects(access.login(user, `webauthn:${wrong}`, { peer, tfaChallenge: ticket }));
  }
  const slow = await question();
  const proof = `webauthn:${key.prove(challengeIn(slow.asked), facts)}`;
  time += 601_000;
  // A ticket that is young enough does not make the question so.
  const { ticket: young } = await question();
  await assert.rejects(access.login(user, proof, { peer, tfaChallenge: young }));
  assert.match(reason(), /no open challenge/);
});

test('a key belongs to one entry of one user', async () => {
  const key = new SoftwareKey();
  await register(key);
  await assert.rejects(register(key), /registered already/);
  await access.users.create({ userid: 'b@pbs' });
  const { challenge: text } = await access.tfa.add('b@pbs', { type: 'webauthn' });
  const challenge = challengeIn(JSON.parse(text!));
  const value = key.register(challenge, facts);
  // The whole question is as good as its challenge.
  await assert.rejects(access.tfa.add('b@pbs', { type: 'webauthn', challenge: text!, value }), /registered already/);
  const { challenge: next } = await access.tfa.add(user, { type: 'webauthn' });
  assert.deepEqual(
    (JSON.parse(next!) as { publicKey: { excludeCredentials: { id: string }[] } }).publicKey.excludeCredentials.map(
      (one) => one.id,
    ),
    [key.id],
  );
});

test('a key of another server that has to check its holder goes on doing so', async () => {
  const key = new SoftwareKey();
  await register(key, { userVerified: true });
  const file = JSON.parse(fs.readFileSync(tfaFile(), 'utf8'));
  file.users[user].webauthn[0].entry.registration_policy = 'required';
  fs.writeFileSync(tfaFile(), JSON.stringify(file));
  assert.equal((await question()).asked.publicKey['userVerification'], 'preferred');
  await assert.rejects(prove(key));
  assert.match(reason(), /could not be verified/);
  await prove(key, { userVerified: true });
});
