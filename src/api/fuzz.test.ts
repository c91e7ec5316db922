// The whole API under hostile parameters, made from the contracts. What breaks a schema is refused with its name and
// changes no file; what a schema allows never is a defect.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { unpackFixture } from '../../test/support/fixture.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import { checkText } from '../wire/parameters.ts';
import { endpoints } from './index.ts';
import { type Answer, TestApi } from './testing/api-server.ts';
import { isInPath, nameOf, type Property, propertiesOf, requiredOf, validValues } from './testing/samples.ts';

const contracts = endpoints.map(({ contract }) => contract).filter((contract) => contract.body !== 'upload');

const hostileTexts = [
  '',
  ' ',
  '\u0000',
  'a\nb: c',
  'a\r\nx-injected: 1',
  '../../../../etc/passwd',
  '/etc/shadow',
  '-rf',
  '$(reboot)',
  '`reboot`',
  "'; DROP TABLE users; --",
  '%00%2e%2e%2f',
  '\u202etxt.exe',
  '\ud800',
  'é'.repeat(300),
  'x'.repeat(5000),
  '{"a":1}',
  '__proto__',
  'constructor',
  '-1',
  '1e309',
  '99999999999999999999',
  'true',
];
const hostileJson: unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  2 ** 53,
  [],
  {},
  [[]],
  [null],
  { a: { b: [] } },
  ...hostileTexts,
];
const foreignNames = ['__proto__', 'constructor', 'toString', 'no-such', 'digest\u0000', 'Store', ''];

/** A hash of every file below a directory. */
function fingerprint(directory: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.lck')) continue;
    const file = path.join(entry.parentPath, entry.name);
    hash.update(file).update(readFileSync(file));
  }
  return hash.digest('hex');
}

let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
  // Whatever a call wants of the outside, it does not get there.
  writeFileSync(path.join(api.server.directories.config, 'node.cfg'), 'http-proxy: http://127.0.0.1:9\n');
});
after(() => api[Symbol.asyncDispose]());

const pathOf = (contract: EndpointContract, values: Readonly<Record<string, unknown>>): string =>
  contract.path.replace(/\{(.+?)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));

function withoutPath(contract: EndpointContract, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !isInPath(contract, name)));
}

/** The names that the answer to a JSON body has to have: what breaks the schema, by a plain reading of it. */
function brokenNames(contract: EndpointContract, body: Readonly<Record<string, unknown>>): string[] {
  const properties = new Map(propertiesOf(contract));
  const broken = new Set<string>();
  for (const [name, value] of Object.entries(body)) {
    const property = properties.get(name);
    if (property === undefined || !fits(property, value)) broken.add(name);
  }
  for (const name of requiredOf(contract)) {
    if (!isInPath(contract, name) && (body[name] === undefined || body[name] === null)) broken.add(name);
  }
  return [...broken];
}

/** Whether a value certainly has the form; a text with rules of its own is left to the server. */
function fits(property: Property, value: unknown): boolean {
  if (property.anyOf) return property.anyOf.some((one) => one.const === value);
  switch (property.type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
    case 'number':
      if (typeof value !== 'number' || (property.type === 'integer' && !Number.isSafeInteger(value))) return false;
      return value >= (property.minimum ?? -Infinity) && value <= (property.maximum ?? Infinity);
    case 'array':
      return Array.isArray(value) && value.every((item) => fits(property.items ?? {}, item));
    default:
      if (typeof value !== 'string') return false;
      if (value.length < (property.minLength ?? 0) || value.length > (property.maxLength ?? Infinity)) return false;
      return property.pattern === undefined || new RegExp(property.pattern).test(value);
  }
}

describe('the whole API', () => {
  test('refuses what breaks a schema, by name, and changes nothing', async (t) => {
    let tried = 0;
    const before = fingerprint(api.server.directories.config);
    for (const contract of contracts) {
      const valid = validValues(contract);
      const names = propertiesOf(contract)
        .map(([name]) => name)
        .filter((name) => !isInPath(contract, name));
      const change = fc.tuple(fc.constantFrom(...names, ...foreignNames), fc.constantFrom(...hostileJson));
      const bodies = fc.sample(fc.array(change, { minLength: 1, maxLength: 4 }), { numRuns: 8, seed: 42 });
      for (const changes of bodies) {
        const body: Record<string, unknown> = withoutPath(contract, valid);
        // As JSON.parse makes it: a member of that name, not a prototype.
        for (const [name, value] of changes)
          Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
        const broken = brokenNames(contract, body);
        if (broken.length === 0) continue;
        const answer = await api.call(contract.method, pathOf(contract, valid), { as: 'admin@pbs', json: body });
        tried++;
        check(contract, answer, broken, JSON.stringify(body).slice(0, 300));
      }
    }
    assert.equal(fingerprint(api.server.directories.config), before, 'a configuration file was changed');
    t.diagnostic(`${contracts.length} endpoints, ${tried} bodies`);
  });

  function check(contract: EndpointContract, answer: Answer, broken: readonly string[], sent: string): void {
    const what = `${nameOf(contract)} ${sent}: ${answer.status} ${answer.text.slice(0, 500)}`;
    assert.equal(answer.status, 400, what);
    assert.match(answer.text, /^parameter verification failed/, what);
    for (const name of broken) {
      const named = answer.text.includes(`'${name}': `) || answer.text.includes(`'${name}/[`);
      assert.ok(named, `${name} is not named: ${what}`);
    }
  }

  test('is never broken by hostile values that a schema allows', async (t) => {
    let tried = 0;
    for (const contract of contracts) {
      if (contract.method !== 'GET' && touchesOutside.has(nameOf(contract))) continue;
      const valid = Object.fromEntries(
        Object.entries(validValues(contract)).map(([name, value]) => [name, String(value)]),
      );
      for (const [name] of propertiesOf(contract)) {
        const allowed = hostileTexts.filter((text) => {
          if (isInPath(contract, name) && (text === '' || /^\.|\/|\u0000/.test(text))) return false;
          try {
            checkText(contract.parameters, Object.entries({ ...valid, [name]: text }));
            return text.isWellFormed();
          } catch {
            return false;
          }
        });
        for (const text of allowed.slice(0, 2)) {
          const values = { ...valid, [name]: text };
          const answer = await api.call(contract.method, pathOf(contract, values), {
            as: 'admin@pbs',
            params: withoutPath(contract, values) as Record<string, string>,
          });
          tried++;
          // The product's own status for another server that does not answer.
          const unreachable = answer.text.startsWith('failed to scan remote');
          assert.ok(
            answer.status < 500 || unreachable,
            `${nameOf(contract)} ${name}=${JSON.stringify(text)}: ${answer.status} ${answer.text}`,
          );
          assert.equal(answer.headers['x-injected'], undefined);
        }
      }
    }
    t.diagnostic(`${tried} calls`);
    assert.deepEqual(api.errors, []);
  });
});

/** Calls that would take long on whatever a value names: the outside is not there in a test. */
const touchesOutside = new Set(['POST config/datastore', 'PUT nodes/{node}/time']);
