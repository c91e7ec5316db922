// Every endpoint that is declared: who gets in, and what becomes of parameters that are wrong.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { unpackFixture } from '../../test/support/fixture.ts';
import { aclPath } from '../wire/authorize.ts';
import { endpoints } from './index.ts';
import { TestApi } from './testing/api-server.ts';
import {
  isInPath,
  nameOf,
  type Property,
  propertiesOf,
  requiredOf,
  samples,
  send,
  type Values,
  validValues,
} from './testing/samples.ts';

const contracts = endpoints.map((endpoint) => endpoint.contract);
let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
  // Whatever a call wants of the outside, it does not get there.
  writeFileSync(path.join(api.server.directories.config, 'node.cfg'), 'http-proxy: http://127.0.0.1:9\n');
});
after(() => api[Symbol.asyncDispose]());

test('the samples cover every required parameter', () => {
  for (const contract of contracts) {
    for (const name of requiredOf(contract)) assert.ok(name in samples, `${nameOf(contract)}: ${name}`);
  }
});

for (const contract of contracts) {
  test(`${nameOf(contract)} lets in whom it declares`, async () => {
    const { access } = contract;
    const values = validValues(contract);
    const stranger = await send(api, contract, values);
    if (access.kind !== 'world') {
      assert.deepEqual(
        [stranger.status, stranger.text],
        [401, 'authentication failed - no authentication credentials provided.'],
      );
    } else assert.notEqual(stranger.status, 500);
    const nobody = await send(api, contract, values, 'nobody@pbs');
    assert.ok(nobody.status < 500, nobody.text);
    if (access.kind === 'privilege') {
      assert.deepEqual([nobody.status, nobody.text], [403, 'permission check failed']);
      assert.ok(aclPath(access.path, values).startsWith('/'));
    }
    if (access.kind === 'datastore') {
      const names = [...access.full, ...access.owned].join('|');
      const text = `permission check failed - missing ${names} on /datastore/fixture`;
      assert.deepEqual([nobody.status, nobody.text], [403, text]);
    }
    if (access.kind === 'any' && contract.method === 'GET') assert.equal(nobody.status, 200);
    if (access.kind === 'inside' && contract.method !== 'GET') assert.ok(nobody.status >= 400, nobody.text);
  });

  test(`${nameOf(contract)} refuses wrong parameters by name`, async () => {
    const valid = validValues(contract);
    const refusals: [string, Values][] = [['no-such-parameter', { ...valid, 'no-such-parameter': 'x' }]];
    for (const name of requiredOf(contract)) {
      if (isInPath(contract, name)) continue;
      const { [name]: _left, ...rest } = valid;
      refusals.push([name, rest]);
    }
    for (const [name, property] of propertiesOf(contract)) {
      for (const value of wrongValues(property)) {
        if (isInPath(contract, name) && (value === '' || /^\.|\//.test(value))) continue;
        refusals.push([name, { ...valid, [name]: value }]);
      }
    }
    for (const [name, values] of refusals) {
      const answer = await send(api, contract, values, 'admin@pbs');
      const sent = JSON.stringify(values).slice(0, 200);
      assert.equal(answer.status, 400, `${sent}: ${answer.text}`);
      assert.match(answer.text, /^parameter verification failed/, sent);
      assert.ok(answer.text.includes(`'${name}': `), `${sent}: ${answer.text}`);
    }
  });
}

/** Texts that no value of this form can have. */
function wrongValues(property: Property): string[] {
  if (property.type === 'array') return wrongValues(property.items ?? {});
  if (property.anyOf !== undefined) return ['', 'no-such-value', '\u0000'];
  if (property.type === 'boolean') return ['', 'maybe', '2'];
  if (property.type === 'integer') {
    const wrong = ['', 'x', '1.5', '9'.repeat(30), '0x10'];
    if (property.minimum !== undefined) wrong.push(String(property.minimum - 1));
    if (property.maximum !== undefined) wrong.push(String(property.maximum + 1));
    return wrong;
  }
  const wrong: string[] = [];
  if (property.minLength !== undefined && property.minLength > 0) wrong.push('x'.repeat(property.minLength - 1));
  if (property.maxLength !== undefined && property.maxLength < 2000) wrong.push('x'.repeat(property.maxLength + 1));
  if (property.pattern !== undefined && !new RegExp(property.pattern).test('bad\u0001value'))
    wrong.push('bad\u0001value');
  return wrong;
}

test('JSON bodies of wrong types are refused by name', async () => {
  for (const contract of contracts) {
    if (contract.body === 'upload') continue;
    for (const [name, property] of propertiesOf(contract)) {
      if (isInPath(contract, name)) continue;
      const wrong = property.type === 'integer' || property.type === 'boolean' ? 'text' : { nested: true };
      const path = contract.path.replace(/\{(.+?)\}/g, (_, variable: string) =>
        encodeURIComponent(String(samples[variable])),
      );
      const answer = await api.call(contract.method, path, { as: 'admin@pbs', json: { [name]: wrong } });
      assert.equal(answer.status, 400, `${nameOf(contract)} ${name}`);
      assert.ok(answer.text.includes(`'${name}': `), `${nameOf(contract)}: ${answer.text}`);
    }
  }
});

test('nothing of all this was a defect', () => {
  assert.deepEqual(api.errors, []);
});
