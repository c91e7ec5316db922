import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { openKeyFile, parseKeyFile } from '../crypto/key-file.ts';
import { rootUser } from '../model/auth-id.ts';
import { Replay, Stand } from './testing/replay.ts';
import { SessionServer } from './testing/session-server.ts';
import { parseTranscript } from './testing/transcript.ts';

const sections = parseTranscript(productFile('wire-transcript.md').toString());
let server: SessionServer;
let stand: Stand;

before(async () => {
  server = await SessionServer.start({ stores: { wire: {} } });
  const password = 'sixteen-letters!';
  const { access } = server.server;
  await access.users.setPassword('admin@pbs', password);
  const tokenSecret = await access.users.generateToken({ tokenid: 'admin@pbs!fx' });
  await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: 'admin@pbs!fx' });
  const keyFile = parseKeyFile(productFile('keys/enc-none.key').toString(), 'enc-none.key');
  const { key } = await openKeyFile(keyFile, async () => '');
  stand = new Stand(server, { password, tokenSecret, crypt: CryptConfig.fromKey(key) });
});
after(() => server[Symbol.asyncDispose]());

describe("the product's client, request by request", () => {
  for (const { title, connections } of sections) {
    test(title, async () => {
      await Promise.all(connections.map((events) => new Replay(stand).run(events)));
    });
  }

  test('nothing was left out', () => {
    assert.equal(sections.length, 33);
    assert.ok(stand.requests > 120, `${stand.requests} requests`);
    assert.deepEqual(server.errors, []);
  });
});
