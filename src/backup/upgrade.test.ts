import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { checkUpgrade } from '../wire/h2-upgrade.ts';
import { backupProtocol } from './session.contract.ts';
import { chunkQuery, makeChunk, runBackup } from './testing/content.ts';
import { call } from './testing/foreign-client.ts';
import { SessionServer, target } from './testing/session-server.ts';

const time = 1_700_000_000;
let server: SessionServer;

before(async () => {
  server = await SessionServer.start({
    stores: { store1: {}, other: {}, readonly: { 'maintenance-mode': 'read-only,message=new%20disks' } },
  });
  await server.createUser('weak@pbs', '/datastore/store1', 'DatastoreReader');
  await server.createUser('backup@pbs', '/datastore/store1', 'DatastoreBackup');
  await server.createUser('second@pbs', '/datastore/store1', 'DatastoreBackup');
  await server.createToken('backup@pbs!one', '/datastore/store1', 'DatastoreBackup');
});
after(() => server[Symbol.asyncDispose]());

const upgradeHeaders = (upgrade?: string): Record<string, string> => ({
  ...server.credentials(),
  connection: 'upgrade',
  ...(upgrade === undefined ? {} : { upgrade }),
});

describe('the way in', () => {
  test('the answer is 101 with the protocol, whatever the form of the request', async () => {
    const path = target('backup', { 'backup-id': 'way', 'backup-time': time });
    const { cookie, csrfpreventiontoken } = server.credentials();
    const ticket = cookie!.slice(cookie!.indexOf('=') + 1);
    const full = { ...upgradeHeaders(backupProtocol), 'content-type': 'application/x-www-form-urlencoded' };
    const forms: Record<string, [string, Record<string, string>, { setHost?: boolean }?]> = {
      'as the product sends it': [`/${path}&debug=true&benchmark=false`, full],
      'without Host': [path, full, { setHost: false }],
      'with a percent-encoded ticket': [path, { ...full, cookie: `PBSAuthCookie=${encodeURIComponent(ticket)}` }],
      'with other letters in the names': [
        path,
        { COOKIE: cookie!, CsrfPreventionToken: csrfpreventiontoken!, CONNECTION: 'Upgrade', UPGRADE: backupProtocol },
      ],
      'with a namespace that is empty': [`${path}&ns=`, full],
      'with no-cache': [`${path}&no-cache=true`, full],
      'with booleans in other words': [`${path}&debug=On&benchmark=0`, full],
      'with more slashes': [`/api2//json///backup${path.slice(path.indexOf('?'))}`, full],
    };
    for (const [form, [url, headers, options]] of Object.entries(forms)) {
      const answer = await server.plain('GET', url, headers, options);
      assert.equal(answer.status, 101, `${form}: ${answer.status} ${answer.text}`);
      assert.equal(answer.headers.upgrade, backupProtocol, form);
      assert.equal(answer.headers.connection, 'upgrade', form);
      await server.ended('backup', 'host/way');
    }
  });

  test('a whole session without a Connection header, or with another one', async () => {
    const kinds = ['', 'connection: keep-alive\r\n', 'connection: close\r\n'];
    for (const [i, connection] of kinds.entries()) {
      const { socket } = await server.socket();
      const id = `bare${i}`;
      const path = target('backup', { 'backup-id': id, 'backup-time': time });
      const { cookie } = server.credentials();
      socket.write(`GET ${path} HTTP/1.1\r\ncookie: ${cookie}\r\nupgrade: ${backupProtocol}\r\n${connection}\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: upgrade\r\n/);
      const session = http2.connect('https://localhost', { createConnection: () => socket });
      const chunk = makeChunk('bare', 1_000_000);
      await call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'a.didx' } });
      const sent = await call(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
      assert.equal(sent.text, `{"data":"${chunk.digest}"}`);
      session.close();
      const task = await server.ended('backup', `host/${id}`);
      assert.equal(task.status, 'backup ended but finished state is not set.');
    }
    assert.deepEqual(server.errors, []);
  });

  test('a token calls with a space or an equals sign', async () => {
    const path = target('backup', { 'backup-id': 'token', 'backup-time': time });
    const { authorization } = server.credentials('backup@pbs!one');
    for (const value of [authorization!, authorization!.replace('=', ' ')]) {
      const headers = { authorization: value, connection: 'upgrade', upgrade: backupProtocol };
      assert.equal((await server.plain('GET', path, headers)).status, 101);
      const task = await server.ended('backup', 'host/token');
      assert.equal(task.authId, 'backup@pbs!one');
    }
  });

  test('the task tells where the backup goes', async () => {
    const params = { 'backup-id': 'where', 'backup-time': time, ns: 'a/b' };
    const store = await server.store();
    await store.createNamespace(await store.createNamespace([], 'a'), 'b');
    await (await server.backup(params)).close();
    const task = await server.ended('backup', 'host/where');
    assert.equal(
      task.lines[0],
      `starting new backup on datastore 'store1' from ::ffff:127.0.0.1: "ns/a/ns/b/host/where/2023-11-14T22:13:20Z"`,
    );
    assert.equal(task.lines.includes('protocol upgrade done'), false);
    await (await server.backup({ ...params, debug: true })).close();
    assert.equal((await server.ended('backup', 'host/where')).lines[1], 'protocol upgrade done');
  });
});

describe('checks before the upgrade', () => {
  const good = { 'backup-id': 'checks', 'backup-time': time };

  test('1: nobody gets in without credentials', async () => {
    const path = target('backup', good);
    const headers = { connection: 'upgrade', upgrade: backupProtocol };
    const none = await server.plain('GET', path, headers);
    assert.equal(none.status, 401);
    assert.equal(none.text, 'authentication failed - no authentication credentials provided.');
    assert.equal(none.headers['content-type'], undefined);
    const wrong = await server.plain('GET', path, { ...headers, authorization: 'PBSAPIToken=backup@pbs!one:wrong' });
    assert.equal(wrong.status, 401);
    assert.match(wrong.text, /^authentication failed - /);
  });

  const parameterRows: [string, Record<string, string | number | undefined>, string][] = [
    ['no id', { 'backup-id': undefined }, "- 'backup-id': parameter is missing and it is not optional."],
    ['time 0', { 'backup-time': 0 }, "- 'backup-time': value must have a minimum value of 1 (got 0)"],
    [
      'a year of five digits',
      { 'backup-time': 253_402_300_800 },
      "- 'backup-time': value must have a maximum value of 253402300799 (got 253402300800)",
    ],
    ['unknown name', { speed: 'high' }, "- 'speed': schema does not allow additional properties."],
    ['unknown type', { 'backup-type': 'disk' }, "- 'backup-type': value 'disk' is not defined in the enumeration."],
    ['a path as id', { 'backup-id': '../x' }, "- 'backup-id': value does not match the regex pattern"],
    ['a bad boolean', { debug: 'maybe' }, "- 'debug': Unable to parse boolean option."],
    ['a short store name', { store: 'ab' }, "- 'store': value must be at least 3 characters long"],
  ];
  for (const [what, change, text] of parameterRows) {
    test(`2: parameters: ${what}`, async () => {
      const refusal = await server.refusal('backup', { ...good, ...change });
      assert.equal(refusal, `400 parameter verification failed ${text}`);
    });
  }

  test('2: several bad parameters are all named', async () => {
    const refusal = await server.refusal('backup', { 'backup-time': 'x' });
    assert.match(refusal, /^400 parameter verification failed:\n/);
    assert.match(refusal, /- 'backup-id': parameter is missing/);
    assert.match(refusal, /- 'backup-time': invalid digit found in string/);
  });

  test('3: the privilege counts for store and namespace', async () => {
    const text = (path: string) => `403 missing permissions 'Datastore.Backup' on '${path}'`;
    const as = 'weak@pbs';
    assert.equal(await server.refusal('backup', good, { as }), text('/datastore/store1'));
    assert.equal(await server.refusal('backup', { ...good, ns: 'a/b' }, { as }), text('/datastore/store1/a/b'));
    assert.equal(await server.refusal('backup', { ...good, store: 'other' }, { as }), text('/datastore/other'));
  });

  test('4: the datastore is known and writable', async () => {
    assert.equal(await server.refusal('backup', { ...good, store: 'nowhere' }), "400 no such datastore 'nowhere'");
    assert.equal(
      await server.refusal('backup', { ...good, store: 'readonly' }),
      "400 datastore 'readonly' is unavailable: read-only maintenance mode: new disks",
    );
  });

  test('5 and 6: the Upgrade header names the protocol exactly', async () => {
    const path = target('backup', good);
    const cases: [Record<string, string>, string][] = [
      [server.credentials(), 'missing Upgrade header'],
      [upgradeHeaders('proxmox-backup-reader-protocol-v1'), 'invalid protocol name'],
      [upgradeHeaders(backupProtocol.toUpperCase()), 'invalid protocol name'],
      [upgradeHeaders('websocket'), 'invalid protocol name'],
    ];
    for (const [headers, text] of cases) {
      const answer = await server.plain('GET', path, headers);
      assert.equal(`${answer.status} ${answer.text}`, `400 ${text}`);
    }
  });

  test('7: the HTTP version is below 2', () => {
    const request = { upgrade: backupProtocol, httpVersion: '2.0' };
    assert.throws(() => checkUpgrade(request, backupProtocol), {
      status: 400,
      message: "unexpected http version '2.0' (expected version < 2)",
    });
  });

  test('8: the namespace is there', async () => {
    assert.equal(await server.refusal('backup', { ...good, ns: 'none' }), '404 namespace not found');
  });

  test('9 and 10: the benchmark flag and group belong together', async () => {
    const benchmark = { 'backup-id': 'benchmark', 'backup-time': time };
    assert.equal(await server.refusal('backup', benchmark), '400 unable to run benchmark without --benchmark flags');
    for (const one of [good, { ...benchmark, 'backup-type': 'vm' }]) {
      assert.equal(
        await server.refusal('backup', { ...one, benchmark: true }),
        "400 benchmark flags is only allowed on 'host/benchmark'",
      );
    }
  });

  test('11: one writer a group, others in parallel', async () => {
    const first = await server.backup({ 'backup-id': 'one', 'backup-time': time });
    const second = await server.refusal('backup', { 'backup-id': 'one', 'backup-time': time + 1 });
    assert.match(second, /^400 unable to acquire backup group lock ".*"/);
    const others = await Promise.all([
      server.backup({ 'backup-id': 'two', 'backup-time': time }),
      server.backup({ 'backup-type': 'vm', 'backup-id': 'one', 'backup-time': time }),
      server.backup({ 'backup-id': 'one', 'backup-time': time, ns: 'a' }),
    ]);
    const all = await server.activeOperations('store1');
    assert.deepEqual(all, { read: 0, write: 4 });
    for (const session of [first, ...others]) await session.close();
    await server.allEnded();
    const freed = await server.backup({ 'backup-id': 'one', 'backup-time': time + 1 });
    await freed.close();
    await server.allEnded();
  });

  test('12: a group belongs to its owner, and to the owner of the token that made it', async () => {
    const by = (as: string) => ({ backup: (params: object) => server.backup({ ...params }, { as }) });
    await runBackup(by('backup@pbs!one'), { id: 'tokens', time }, [makeChunk('a')]);
    await runBackup(by('backup@pbs'), { id: 'users', time }, [makeChunk('a')]);
    const next = (id: string, as: string) =>
      server.refusal('backup', { 'backup-id': id, 'backup-time': time + 1 }, { as });
    assert.equal(await next('tokens', 'backup@pbs'), 'not refused');
    assert.equal(await next('tokens', 'second@pbs'), '400 backup owner check failed (second@pbs != backup@pbs!one)');
    assert.equal(await next('users', 'backup@pbs!one'), '400 backup owner check failed (backup@pbs!one != backup@pbs)');
    assert.equal(await next('users', 'admin@pbs'), '400 backup owner check failed (admin@pbs != backup@pbs)');
    assert.equal(readFileSync(`${server.storePath()}/host/users/owner`, 'utf8'), 'backup@pbs\n');
  });

  test('13 and 14: the time is later than that of the newest snapshot', async () => {
    await runBackup(server, { id: 'times', time }, [makeChunk('a')]);
    for (const late of [time, time - 1]) {
      assert.equal(
        await server.refusal('backup', { 'backup-id': 'times', 'backup-time': late }),
        '400 backup timestamp is older than last backup.',
      );
    }
  });

  test('15: a base snapshot that is being removed is not built upon', async () => {
    await runBackup(server, { id: 'base', time }, [makeChunk('a')]);
    const store = await server.store();
    const lock = await store.context.locks.snapshot([], { type: 'host', id: 'base', time });
    const refusal = await server.refusal('backup', { 'backup-id': 'base', 'backup-time': time + 1 });
    lock.release();
    assert.match(
      refusal,
      /^400 while locking last snapshot during backup 'host\/base\/2023-11-14T22:13:20Z': unable to acquire shared snapshot lock/,
    );
  });

  test('16: the snapshot is new', async () => {
    // As a server that was killed leaves it.
    mkdirSync(server.snapshotPath('host/twice/2023-11-14T22:13:20Z'), { recursive: true });
    writeFileSync(`${server.storePath()}/host/twice/owner`, 'admin@pbs\n');
    assert.equal(
      await server.refusal('backup', { 'backup-id': 'twice', 'backup-time': time }),
      '400 backup directory already exists.',
    );
  });

  test('a store that is not there is refused, and nothing stays in use', async () => {
    await server.createStore('gone');
    rmSync(server.storePath('gone'), { recursive: true });
    assert.match(
      await server.refusal('backup', { ...good, store: 'gone' }),
      /^404 unable to open chunk store 'gone' at /,
    );
    const use = await server.server.datastores.activeOperations('gone');
    assert.deepEqual(use, { read: 0, write: 0 });
    await new DatastoreConfig(server.server.directories).remove('gone');
  });

  test('refusals leave no group behind, and no operation counted', async () => {
    assert.equal((await server.store()).path, server.storePath());
    const groups = await (await server.store()).listGroups([]);
    assert.equal(
      groups.some(({ id }) => id === 'checks'),
      false,
    );
    const use = await server.activeOperations('store1');
    assert.deepEqual(use, { read: 0, write: 0 });
    assert.deepEqual(server.errors, []);
  });
});
