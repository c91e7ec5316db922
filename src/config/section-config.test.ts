import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { Type } from '../model/type.ts';
import { datastoreSchema } from './datastore-schema.ts';
import { parseSections, type Section, type SectionFormat, type Sections, serializeSections } from './section-config.ts';

const format: SectionFormat = {
  types: {
    datastore: { schema: datastoreSchema, id: 'name' },
    job: {
      schema: Type.Object({
        id: Type.String({ minLength: 2 }),
        store: Type.String(),
        count: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
        on: Type.Optional(Type.Boolean()),
        filter: Type.Optional(Type.Array(Type.String({ maxLength: 5 }))),
      }),
      id: 'id',
    },
  },
};
const parse = (text: string): Sections => parseSections(format, text, 'x.cfg');
const serialize = (sections: Sections): string => serializeSections(format, sections, 'x.cfg');

test('writes the bytes of the original', () => {
  const text =
    'datastore: fixture\n\tpath /mnt/datastore/fixture\n\ndatastore: chunker\n\tpath /mnt/datastore/chunker\n';
  assert.equal(serialize(parse(text)), text);
  const digest = createHash('sha256').update(text).digest('hex');
  // The digest that the original gave for this configuration.
  assert.equal(digest, '34cc7f4acf5e34613c0c39b7b59c9718af441996349042da6bb12a9a2d10b335');
});

test('reads what people write by hand, and writes it strictly', () => {
  const text = [
    '# all my jobs',
    'job:   one  ',
    '    store    a store',
    '  on YES',
    '\tfilter b',
    '   # which groups',
    ' filter a',
    'job: two',
    '\tstore x',
    '\tcount 3',
    '   ',
    '',
    'job: three',
    '\tstore ',
  ].join('\r\n');
  assert.equal(
    serialize(parse(text)),
    'job: one\n\tfilter b\n\tfilter a\n\ton true\n\tstore a store\n\njob: two\n\tcount 3\n\tstore x\n\njob: three\n\tstore \n',
  );
});

test('a length is counted in characters, whatever plane of Unicode they are of', () => {
  const text = `job: one\n\tfilter ${'\u{1f600}'.repeat(5)}\n\tstore x\n`;
  assert.equal(serialize(parse(text)), text);
  assert.throws(() => parse(text.replace('\tstore', '\tfilter \u{1f600}23456\n\tstore')), /only be 5 characters long/);
  assert.throws(() => parse('job: \u{1f600}\n\tstore x\n'), /at least 2 characters long/);
});

test('a later section of the same id takes the place of the earlier', () => {
  const sections = parse('job: one\n\tstore a\n\njob: two\n\tstore b\n\njob: one\n\tstore c\n');
  assert.deepEqual([...sections.keys()], ['one', 'two']);
  assert.equal(sections.get('one')?.values['store'], 'c');
});

test('errors name file and line', () => {
  const cases: [string, string][] = [
    ['\tstore x', 'line 1 - syntax error (expected header)'],
    ['job one', 'line 1 - syntax error (expected header)'],
    ['job:', 'line 1 - syntax error (expected header)'],
    ['job: one\n\tstore x\n\n\tcount 1', 'line 4 - syntax error (expected header)'],
    ['disk: one', "line 1 - unknown section type 'disk'"],
    ['constructor: one', "line 1 - unknown section type 'constructor'"],
    ['job: x', "line 1 - property 'id': value must be at least 2 characters long"],
    ['job: one\n\tstore', 'line 2 - syntax error (expected section properties)'],
    ['job: one\n\tstore x\n\tstore y', "line 3 - duplicate property 'store'"],
    ['job: one\n\tstore x\n\tid y', "line 3 - unknown property 'id'"],
    ['job: one\n\tstore x\n\ttoString y', "line 3 - unknown property 'toString'"],
    ['job: one\n\tstore x\n\tcount 10', "line 3 - property 'count': value must have a maximum value of 9 (got 10)"],
    ['job: one\n\tstore x\n\tcount 1x', "line 3 - property 'count': invalid digit found in string"],
    ['job: one\n\tstore x\n\ton maybe', "line 3 - property 'on': Unable to parse boolean option."],
    ['job: one\n\tstore x\n\tfilter 123456', "line 3 - property 'filter': value may only be 5 characters long"],
    ['\njob: one\n\tcount 1\n', "line 2 - property 'store' is missing and it is not optional."],
    [
      'datastore: ds1\n\tpath /x\n\tnotify gc=x',
      "line 3 - property 'notify': 'gc': value 'x' is not defined in the enumeration.",
    ],
  ];
  for (const [text, problem] of cases) {
    assert.throws(
      () => parse(text),
      (error: unknown) => {
        assert.ok(error instanceof GranaryError && error.code === 'config-invalid');
        assert.equal(error.message, `parsing "x.cfg" failed: ${problem}`);
        return true;
      },
    );
  }
});

test('what could not be read back is not written', () => {
  const one = (section: Partial<Section>): Sections => {
    const whole: Section = { type: 'job', id: 'one', values: { store: 'x' }, ...section };
    return new Map([[whole.id, whole]]);
  };
  const bad: [Sections, RegExp][] = [
    [one({ values: { store: 'a\n\njob: two' } }), /job 'one': property 'store': control character in value/],
    [one({ id: 'a\nb' }), /control character in id/],
    [one({ id: 'a' }), /property 'id'/],
    [one({ type: 'disk' }), /unknown section type 'disk'/],
    [one({ values: { store: 'x', other: 1 } }), /unknown property 'other'/],
    [one({ values: { store: 'x', count: 0 } }), /minimum/],
    [one({ values: { count: 1 } }), /property 'store' is missing/],
  ];
  for (const [sections, problem] of bad) assert.throws(() => serialize(sections), problem);
});

test('unknown sections and properties can be kept', () => {
  const keeping: SectionFormat = { ...format, keepUnknown: true };
  const text = 'webhook: w\n\theader a\n\theader b\n\turl x\n\njob: one\n\tnew thing\n\tstore x\n';
  assert.equal(serializeSections(keeping, parseSections(keeping, text, 'n.cfg'), 'n.cfg'), text);
  assert.throws(() => parseSections(keeping, 'webhook: w\n\t__proto__ a\n', 'n.cfg'), /unknown property '__proto__'/);
});

test('any sections survive writing and reading', () => {
  const text = fc
    .string({ unit: 'grapheme', maxLength: 30 })
    .map((raw) => raw.replace(/[\u0000-\u001f\u007f]/g, '').trim());
  const section = fc.record(
    {
      id: fc.stringMatching(/^[A-Za-z0-9_.@!-]{2,12}$/),
      values: fc.record(
        {
          store: text,
          count: fc.integer({ min: 1, max: 9 }),
          on: fc.boolean(),
          filter: fc.array(fc.stringMatching(/^[a-z#:]{1,5}$/), { minLength: 1, maxLength: 4 }),
        },
        { requiredKeys: ['store'], noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.uniqueArray(section, { selector: (s) => s.id, maxLength: 5 }), (list) => {
      const sections: Sections = new Map(list.map((s) => [s.id, { type: 'job', ...s }]));
      assert.deepEqual([...parse(serialize(sections)).values()], [...sections.values()]);
    }),
  );
});

test('damaged files give sections or a typed error', () => {
  const good = 'datastore: fixture\n\tpath /a\n\ttuning sync-level=file\n\njob: one\n\tstore x\n\tfilter a\n';
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(good.length), fc.string({ maxLength: 4 }), (a, b, insert) => {
      const damaged = good.slice(0, Math.min(a, b)) + insert + good.slice(Math.max(a, b));
      try {
        parse(damaged);
      } catch (error) {
        assert.ok(error instanceof GranaryError && error.code === 'config-invalid');
      }
    }),
  );
});
