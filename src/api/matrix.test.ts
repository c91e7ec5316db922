// Every endpoint that is declared: who gets in, and what becomes of parameters that are wrong.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { unpackFixture } from '../../test/support/fixture.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import { aclPath } from '../wire/authorize.ts';
import { endpoints } from './index.ts';
import { type Answer, TestApi } from './testing/api-server.ts';

interface Property {
  type?: string;
  anyOf?: { const: string }[];
  items?: Property;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

/** A value that each parameter of that name accepts. */
const samples: Record<string, string | number | boolean> = {
  store: 'fixture',
  ns: '',
  'backup-type': 'host',
  'backup-id': 'plain-host',
  'backup-time': 1700086400,
  'file-name': 'host.conf.blob',
  filepath: '/',
  userid: 'admin@pbs',
  username: 'admin@pbs',
  authid: 'admin@pbs',
  vncticket: 'PBSTERM:0:00000000::x',
  privs: 'Sys.Console',
  type: 'recovery',
  password: 'secret-1',
  'token-name': 'token1',
  'new-owner': 'admin@pbs',
  path: '/',
  role: 'Audit',
  name: 'sample',
  notes: 'text',
  protected: true,
  node: 'localhost',
  id: 'sample',
  schedule: 'daily',
  timeframe: 'hour',
  cf: 'AVERAGE',
  command: 'reboot',
  certificates: 'PEM',
  service: 'cron',
  disk: 'sda',
  index: 0,
  handle: 'none',
  iface: 'eth0',
  timezone: 'Europe/Vienna',
  key: 'pbsc-0000000000',
  'remote-store': 'store2',
  host: 'localhost',
  'auth-id': 'sync@pbs',
  network: '10.0.0.0/8',
  contact: 'admin@example.com',
  api: 'hook',
  'from-address': 'backup@example.com',
  server: 'http://localhost',
  token: 'token',
  url: 'http://localhost',
  method: 'post',
  data: 'S0VZPXZhbHVl',
  realm: 'corp',
  server1: '127.0.0.1',
  'base-dn': 'dc=example,dc=com',
  'user-attr': 'uid',
  'issuer-url': 'https://127.0.0.1/issuer',
  'client-id': 'backup',
  'redirect-url': 'https://127.0.0.1:8007',
  state: 'no-such-state',
  code: 'no-such-code',
  upid: 'UPID:testnode:00000001:00000001:00000001:6B03A79F:backup:fixture:admin@pbs:',
};

const contracts = endpoints.map((endpoint) => endpoint.contract);
const nameOf = (contract: EndpointContract): string => `${contract.method} ${contract.path}`;
const propertiesOf = (contract: EndpointContract): [string, Property][] =>
  Object.entries((contract.parameters as { properties: Record<string, Property> }).properties);
const requiredOf = (contract: EndpointContract): string[] =>
  (contract.parameters as { required?: string[] }).required ?? [];
const isInPath = (contract: EndpointContract, name: string): boolean => contract.path.includes(`{${name}}`);

let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
  // Whatever a call wants of the outside, it does not get there.
  writeFileSync(path.join(api.server.directories.config, 'node.cfg'), 'http-proxy: http://127.0.0.1:9\n');
});
after(() => api[Symbol.asyncDispose]());

type Values = Record<string, string | number | boolean>;

function validValues(contract: EndpointContract): Values {
  const properties = Object.fromEntries(propertiesOf(contract));
  return Object.fromEntries(requiredOf(contract).map((name) => [name, sampleOf(name, properties[name]!)]));
}

/** The sample of that name, or the first choice where the name stands for other choices. */
function sampleOf(name: string, property: Property): string | number | boolean {
  const choices = property.anyOf?.map((one) => one.const);
  const sample = samples[name]!;
  return choices && !choices.includes(String(sample)) ? choices[0]! : sample;
}

function send(contract: EndpointContract, values: Values, as?: string): Promise<Answer> {
  const path = contract.path.replace(/\{(.+?)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const params = Object.fromEntries(Object.entries(values).filter(([name]) => !isInPath(contract, name)));
  const query = contract.body === 'upload' ? `?${new URLSearchParams(params as Record<string, string>)}` : '';
  return api.call(contract.method, `${path}${query}`, {
    ...(query === '' ? { params } : { raw: Buffer.from('no blob at all') }),
    ...(as === undefined ? {} : { as }),
  });
}

test('the samples cover every required parameter', () => {
  for (const contract of contracts) {
    for (const name of requiredOf(contract)) assert.ok(name in samples, `${nameOf(contract)}: ${name}`);
  }
});

for (const contract of contracts) {
  test(`${nameOf(contract)} lets in whom it declares`, async () => {
    const { access } = contract;
    const values = validValues(contract);
    const stranger = await send(contract, values);
    if (access.kind !== 'world') {
      assert.deepEqual(
        [stranger.status, stranger.text],
        [401, 'authentication failed - no authentication credentials provided.'],
      );
    } else assert.notEqual(stranger.status, 500);
    const nobody = await send(contract, values, 'nobody@pbs');
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
      const answer = await send(contract, values, 'admin@pbs');
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
