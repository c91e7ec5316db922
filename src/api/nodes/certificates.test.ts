// The server's certificate through the API.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Authority, openssl } from '../../../test/support/authority.ts';
import { scratchFolder } from '../../../test/support/scratch.ts';
import { certificateFingerprint } from '../../certificates/describe.ts';
import { TestApi } from '../testing/api-server.ts';

const as = 'admin@pbs';
const folder = scratchFolder('granary-certificates-');
let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const stored = (name: string): string => readFileSync(path.join(api.server.directories.config, name), 'utf8');
const infoOf = (data: unknown) => (data as Record<string, unknown>[])[0]!;
const info = async () => infoOf((await api.call('GET', 'nodes/localhost/certificates/info', { as })).json.data);
const custom = 'nodes/localhost/certificates/custom';

test('the certificate is described with every field', async () => {
  const { san, ...facts } = await info();
  assert.ok(['127.0.0.1', '::1', 'localhost'].every((name) => (san as string[]).includes(name)));
  assert.deepEqual(Object.keys(facts).sort(), [
    'filename',
    'fingerprint',
    'issuer',
    'notafter',
    'notbefore',
    'pem',
    'public-key-bits',
    'public-key-type',
    'subject',
  ]);
  assert.deepEqual(
    [facts['filename'], facts['public-key-type'], facts['public-key-bits']],
    ['proxy.pem', 'rsaEncryption', 2048],
  );
  assert.equal(facts['pem'], stored('proxy.pem'));
  assert.equal(facts['fingerprint'], certificateFingerprint(stored('proxy.pem')));
});

if (openssl !== undefined) {
  test('a certificate of one’s own is used, and removed again', async () => {
    const authority = new Authority(folder);
    const { certificate, key } = authority.issue('backup.example.org');
    const certificates = certificate + authority.intermediate.certificate;
    const wrong = await api.call('POST', custom, { as, params: { certificates } });
    assert.match(wrong.text, /^parameter verification failed - 'certificates': the key does not belong/);
    const taken = await api.call('POST', custom, { as, params: { certificates, key, restart: 1 } });
    assert.equal(infoOf(taken.json.data)['subject'], 'CN = backup.example.org');
    assert.equal(taken.json['warnings'], undefined);
    assert.deepEqual([stored('proxy.pem'), stored('proxy.key')], [certificates, key]);
    // The key stays, so a certificate that was renewed for it needs none.
    const alone = await api.call('POST', custom, { as, params: { certificates: certificate } });
    assert.match(String(alone.json['warnings']), /the certificate of its issuer .* is not in the chain/);
    assert.equal(stored('proxy.key'), key);

    assert.equal((await api.call('DELETE', custom, { as })).text, '{"data":null}');
    const back = await info();
    assert.equal(back['issuer'], back['subject']);
    assert.equal(back['public-key-bits'], 4096);
  });
}
