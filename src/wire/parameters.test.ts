// Conversions and texts of rest-api.md 2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { schema } from '../model/schema.ts';
import { type TObject, Type } from '../model/type.ts';
import { type ParameterInput, parseParameters } from './parameters.ts';

const example = Type.Object({
  store: schema.store,
  'backup-type': schema.backupType,
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
  flag: Type.Optional(Type.Boolean()),
  list: Type.Optional(Type.Array(Type.String({ minLength: 2 }))),
});
const form = (query: string, rest: Partial<ParameterInput> = {}): ParameterInput => ({ query, ...rest });
const json = (value: unknown, rest: Partial<ParameterInput> = {}): ParameterInput => ({
  body: Buffer.from(JSON.stringify(value)),
  contentType: 'application/json; charset=UTF-8',
  ...rest,
});

function textOf(input: ParameterInput, of: TObject = example): string {
  try {
    parseParameters(of, input);
  } catch (error) {
    assert.ok(error instanceof GranaryError);
    assert.equal(error.status, 400);
    return error.message;
  }
  return 'accepted';
}
const one = (name: string, text: string): string => `parameter verification failed - '${name}': ${text}`;

test('text is converted by the schema, from path, body and query together', () => {
  const input: ParameterInput = {
    path: { store: 'ds1' },
    query: 'count=7&flag=On&list=aa&_dc=1234',
    body: Buffer.from('backup-type=vm&list=b+b'),
    contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
  };
  assert.deepEqual(parseParameters(example, input), {
    store: 'ds1',
    'backup-type': 'vm',
    count: 7,
    flag: true,
    list: ['b b', 'aa'],
  });
});

test('a JSON body has strict types, the query is ignored and path variables win', () => {
  const input = json(
    { store: 'other', 'backup-type': 'ct', count: 3, list: ['xx'] },
    { path: { store: 'ds1' }, query: 'bogus=1' },
  );
  assert.deepEqual(parseParameters(example, input), { store: 'ds1', 'backup-type': 'ct', count: 3, list: ['xx'] });
  assert.equal(
    textOf(json({ store: 'ds1', 'backup-type': 'vm', count: '3' })),
    one('count', 'Expected integer value.'),
  );
  assert.equal(textOf(json({ store: 'ds1', 'backup-type': 'vm', flag: 1 })), one('flag', 'Expected boolean value.'));
  assert.equal(
    textOf(json({ store: 'ds1', 'backup-type': 'vm', list: 'aa' })),
    one('list', 'Expected array - got scalar value.'),
  );
});

test('violations of text parameters have the protocol texts', () => {
  const base = 'store=ds1&backup-type=vm';
  const cases: [string, string][] = [
    ['store=ds1', one('backup-type', 'parameter is missing and it is not optional.')],
    [`${base}&bogus=1`, one('bogus', 'schema does not allow additional properties.')],
    [`${base}&store=ds2`, one('store', 'duplicate parameter.')],
    [`${base}&count=0`, one('count', 'value must have a minimum value of 1 (got 0)')],
    [`${base}&count=11`, one('count', 'value must have a maximum value of 10 (got 11)')],
    [`${base}&count=x`, one('count', 'invalid digit found in string')],
    [`${base}&count=`, one('count', 'cannot parse integer from empty string')],
    [`${base}&flag=maybe`, one('flag', 'Unable to parse boolean option.')],
    ['store=d&backup-type=vm', one('store', 'value must be at least 3 characters long')],
    [`store=${'d'.repeat(33)}&backup-type=vm`, one('store', 'value may only be 32 characters long')],
    ['store=.bad&backup-type=vm', one('store', 'value does not match the regex pattern')],
    ['store=ds1&backup-type=bad', one('backup-type', "value 'bad' is not defined in the enumeration.")],
  ];
  for (const [query, expected] of cases) assert.equal(textOf(form(query)), expected);
  assert.equal(textOf(form('store=ds1', { path: { store: 'ds1' } })).includes("'store': duplicate parameter."), true);
});

test('several violations make several lines, those of given parameters first', () => {
  assert.equal(
    textOf(form('count=x&bogus=1')),
    [
      'parameter verification failed:',
      "- 'count': invalid digit found in string",
      "- 'bogus': schema does not allow additional properties.",
      "- 'store': parameter is missing and it is not optional.",
      "- 'backup-type': parameter is missing and it is not optional.",
      '',
    ].join('\n'),
  );
});

test('null in JSON counts as missing and as wrong type', () => {
  assert.equal(
    textOf(json({ store: null, 'backup-type': 'vm' })),
    [
      'parameter verification failed:',
      "- 'store': Expected string value.",
      "- 'store': property is missing and it is not optional",
      '',
    ].join('\n'),
  );
});

test('the namespace grammar: empty is the root, eight levels are too many', () => {
  const ns = Type.Object({ ns: Type.Optional(schema.ns) });
  assert.deepEqual(parseParameters(ns, form('ns=')), { ns: '' });
  assert.deepEqual(parseParameters(ns, form('ns=a/b/c/d/e/f/g')), { ns: 'a/b/c/d/e/f/g' });
  assert.equal(textOf(form('ns=a/b/c/d/e/f/g/h'), ns), one('ns', 'value does not match the regex pattern'));
  assert.equal(textOf(form('ns=../x'), ns), one('ns', 'value does not match the regex pattern'));
});

test('bodies that cannot be read are refused', () => {
  assert.match(textOf(json([])), /not a JSON object/);
  assert.match(textOf({ body: Buffer.from('{'), contentType: 'application/json' }), /JSON/);
  assert.match(textOf({ contentType: 'text/plain' }), /unsupported content type/);
  assert.match(textOf({ body: Uint8Array.of(0xff, 0xfe) }), /not valid UTF-8/);
  assert.deepEqual(parseParameters(Type.Object({}), { contentType: 'application/json' }), {});
});

test('any input is either accepted or refused by name', () => {
  const name = fc.constantFrom('store', 'backup-type', 'count', 'flag', 'list', 'bogus', '__proto__', '_dc');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const text = textOf(form(new URLSearchParams(pairs).toString()));
      assert.ok(text === 'accepted' || text.startsWith('parameter verification failed'));
    }),
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = textOf(json(value));
      assert.ok(text === 'accepted' || /^(parameter verification failed|the request body)/.test(text));
    }),
  );
});
