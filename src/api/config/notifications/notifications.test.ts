// Notification targets and matchers through the API.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());
const as = 'admin@pbs';
const call = (method: string, name: string, params: Record<string, string | number | boolean | string[]> = {}) =>
  api.call(method, `config/notifications/${name}`, { as, params });
const data = async (name: string): Promise<unknown> => (await call('GET', name)).json.data;
const stored = (name: string): string => readFileSync(path.join(api.server.directories.config, name), 'utf8');

test('each kind of target is made, read without secrets, changed and removed', async () => {
  const kinds: [string, Record<string, string | string[]>, string | undefined][] = [
    ['sendmail', { mailto: ['a@b.c', 'd@e.f'], author: 'Backup' }, undefined],
    ['smtp', { server: 'mail.example.com', mode: 'starttls', 'from-address': 'a@b.c', mailto: ['d@e.f'] }, 'password'],
    ['gotify', { server: 'https://push.example.com' }, 'token'],
    ['webhook', { url: 'https://example.com/{{ title }}', method: 'post', header: ['name=X-A,value=YQ=='] }, 'secret'],
  ];
  for (const [kind, fields, secret] of kinds) {
    const name = `my-${kind}`;
    const secrets =
      secret === undefined ? {} : { [secret]: secret === 'secret' ? ['name=k,value=c2VjcmV0'] : 'sEcret1' };
    const made = await call('POST', `endpoints/${kind}`, { name, ...fields, ...secrets });
    assert.equal(made.text, '{"data":null}', kind);
    const shown = secret === 'secret' ? { secret: ['name=k'] } : {};
    const read = await call('GET', `endpoints/${kind}/${name}`);
    assert.deepEqual(read.json.data, { name, ...fields, ...shown, origin: 'user-created' });
    assert.match(String(read.json['digest']), /^[0-9a-f]{64}$/);
    assert.doesNotMatch(`${read.text}${(await call('GET', `endpoints/${kind}`)).text}`, /sEcret1|c2VjcmV0/);
    assert.equal(
      (await call('PUT', `endpoints/${kind}/${name}`, { comment: 'new', disable: 1 })).text,
      '{"data":null}',
    );
    if (secret !== undefined) assert.match(stored('notifications-priv.cfg'), /sEcret1|c2VjcmV0/);
    const targets = (await data('targets')) as Record<string, unknown>[];
    assert.deepEqual(
      targets.find((one) => one['name'] === name),
      { name, type: kind, origin: 'user-created', disable: true, comment: 'new' },
    );
    assert.equal((await call('DELETE', `endpoints/${kind}/${name}`)).text, '{"data":null}');
    assert.equal((await call('DELETE', `endpoints/${kind}/${name}`)).status, 404);
    assert.equal((await call('GET', `endpoints/${kind}/${name}`)).text, `no such endpoint '${name}'`);
  }
  assert.doesNotMatch(stored('notifications.cfg') + stored('notifications-priv.cfg'), /my-/);
});

test('a target that a matcher uses stays, one that is shipped is reset', async () => {
  await call('POST', 'endpoints/sendmail', { name: 'admins', mailto: ['a@b.c'] });
  const matcher = { name: 'failures', 'match-severity': ['error', 'warning,unknown'], target: ['admins'] };
  assert.equal((await call('POST', 'matchers', matcher)).text, '{"data":null}');
  const refused = await call('DELETE', 'endpoints/sendmail/admins');
  assert.deepEqual([refused.status, refused.text], [400, "cannot delete 'admins', referenced by: failures"]);
  await call('PUT', 'matchers/failures', { delete: ['target'] });
  assert.equal((await call('DELETE', 'endpoints/sendmail/admins')).status, 200);
  assert.equal((await call('PUT', 'endpoints/sendmail/mail-to-root', { disable: 1 })).status, 200);
  const root = async () => (await data('endpoints/sendmail/mail-to-root')) as Record<string, unknown>;
  assert.deepEqual([(await root())['origin'], (await root())['disable']], ['modified-builtin', true]);
  assert.equal((await call('DELETE', 'endpoints/sendmail/mail-to-root')).text, '{"data":null}');
  assert.deepEqual([(await root())['origin'], (await root())['disable']], ['builtin', undefined]);
});

test('what makes no sense is refused by name', async () => {
  const cases: [string, Record<string, string | string[]>, RegExp][] = [
    ['endpoints/sendmail', { name: 'x1' }, /'mailto': must at least provide one recipient, either in mailto or/],
    ['endpoints/sendmail', { name: 'x1', mailto: ['no address'] }, /'mailto': value does not match/],
    ['endpoints/gotify', { name: 'x1', server: 'ftp://x', token: 't' }, /'server': value does not match/],
    ['endpoints/webhook', { name: 'x1', url: 'https://x', method: 'post', header: ['name=a'] }, /'header': .*'value'/],
    ['matchers', { name: 'x1', target: ['nobody'] }, /'target': target 'nobody' does not exist\./],
    ['matchers', { name: 'x1', 'match-field': ['regex:type=('] }, /'match-field': Invalid regular expression/],
    ['matchers', { name: 'x1', 'match-field': ['type=gc'] }, /'match-field': value does not match/],
    ['matchers', { name: 'x1', 'match-calendar': ['25-26'] }, /'match-calendar': unable to parse daily duration/],
    ['matchers', { name: 'x1', 'match-severity': ['loud'] }, /'match-severity': value does not match/],
    ['matchers', { name: 'default-matcher' }, /'name': matcher 'default-matcher' already exists\./],
  ];
  for (const [name, params, text] of cases) {
    const answer = await call('POST', name, params);
    assert.equal(answer.status, 400, name);
    assert.match(answer.text, text);
  }
});

test('fields and values for matchers are listed', async () => {
  const config = (name: string, text: string): void =>
    writeFileSync(path.join(api.server.directories.config, name), text);
  config('datastore.cfg', 'datastore: ds1\n\tpath /ds1\n\tcomment Primary\n');
  config('media-pool.cfg', 'pool: tapes\n\tretention keep\n');
  config('prune.cfg', 'prune: daily-prune\n\tschedule daily\n\tstore ds1\n\tkeep-last 1\n');
  assert.deepEqual(await data('matcher-fields'), [
    { name: 'datastore' },
    { name: 'hostname' },
    { name: 'job-id' },
    { name: 'media-pool' },
    { name: 'type' },
  ]);
  const values = (await data('matcher-field-values')) as { field: string; value: string }[];
  assert.deepEqual(values.slice(0, 4), [
    { field: 'datastore', value: 'ds1', comment: 'Primary' },
    { field: 'media-pool', value: 'tapes' },
    { field: 'job-id', value: 'daily-prune' },
    { field: 'hostname', value: os.hostname().split('.')[0] },
  ]);
  assert.equal(values.filter(({ field }) => field === 'type').length, 10);
});
