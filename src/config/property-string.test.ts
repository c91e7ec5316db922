import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Type } from '../model/type.ts';
import { maintenanceFormat, notifyFormat, parseTuning, tuningFormat } from './datastore-schema.ts';
import { formatPropertyString, type PropertyStringFormat, parsePropertyString } from './property-string.ts';

const format: PropertyStringFormat = {
  object: Type.Object({
    kind: Type.String(),
    text: Type.Optional(Type.String()),
    list: Type.Optional(Type.Array(Type.String())),
    count: Type.Optional(Type.Integer({ minimum: 0 })),
    on: Type.Optional(Type.Boolean()),
  }),
  defaultKey: 'kind',
};

test('reads the forms of the field', () => {
  assert.deepEqual(parsePropertyString(notifyFormat, 'gc=always,verify=error').value, {
    gc: 'always',
    verify: 'error',
  });
  assert.deepEqual(parsePropertyString(notifyFormat, 'always').value, {});
  assert.deepEqual(parsePropertyString(maintenanceFormat, 'read-only,message=hello%20x').value, {
    type: 'read-only',
    message: 'hello%20x',
  });
  assert.deepEqual(parsePropertyString(format, 'a , text="x, \\"y\\" \\\\ \\n" ,list=a;b; ,on=1,count=5').value, {
    kind: 'a',
    text: 'x, "y" \\ \n',
    list: ['a', 'b'],
    on: true,
    count: 5,
  });
});

test('says what is wrong', () => {
  const cases: [PropertyStringFormat, string, RegExp][] = [
    [notifyFormat, 'gc=sometimes', /^'gc': value 'sometimes' is not defined in the enumeration\.$/],
    [notifyFormat, 'backup=always', /^'backup': schema does not allow additional properties\.$/],
    [notifyFormat, 'gc=always,gc=never', /duplicate key 'gc'/],
    [notifyFormat, 'sometimes', /^'sometimes' is neither always, error, never nor a list of key=value$/],
    [notifyFormat, 'gc=always,sometimes', /does not define a default key/],
    [notifyFormat, 'gc=always,', /empty property/],
    [notifyFormat, ',gc=always', /empty property/],
    [maintenanceFormat, 'message=x', /^'type': property is missing and it is not optional\.$/],
    [maintenanceFormat, 'offline,message="x', /unexpected end of quoted string/],
    [maintenanceFormat, 'offline,message="x"y', /unexpected end of quoted string/],
    [tuningFormat, 'gc-atime-cutoff=0', /minimum value of 1/],
    [tuningFormat, '__proto__=1', /additional properties/],
  ];
  for (const [form, text, problem] of cases) assert.match(parsePropertyString(form, text).problem ?? '', problem, text);
});

test('what is written reads back the same', () => {
  const word = fc.array(fc.constantFrom(...'ab =,;"\\\n#é'), { maxLength: 8 }).map((chars) => chars.join(''));
  const element = fc.stringMatching(/^[a-z"=,\\]{1,6}$/);
  const value = fc.record(
    { kind: word, text: word, list: fc.array(element, { minLength: 1 }), count: fc.nat(), on: fc.boolean() },
    { requiredKeys: ['kind'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(value, (object) => {
      assert.deepEqual(parsePropertyString(format, formatPropertyString(format, object)).value, object);
    }),
  );
});

test('any text is an object or a problem', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { value, problem } = parsePropertyString(format, text);
      assert.notEqual(value === undefined, problem === undefined);
    }),
  );
});

test('tuning options have defaults', () => {
  assert.equal(parseTuning(undefined)['sync-level'], 'filesystem');
  assert.equal(parseTuning('sync-level=file,gc-atime-cutoff=5')['sync-level'], 'file');
  assert.equal(parseTuning('sync-level=file,gc-atime-cutoff=5')['gc-atime-cutoff'], 5);
  assert.throws(() => parseTuning('sync-level=x'), TypeError);
});
