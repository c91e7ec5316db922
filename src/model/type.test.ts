// The builders of schemas against the library whose types they have.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Type as Library } from 'typebox';
import { Type } from './type.ts';

type Builders = typeof Type;

const options = fc.record(
  {
    description: fc.string(),
    default: fc.jsonValue(),
    pattern: fc.constant('^a'),
    minimum: fc.integer(),
    additionalProperties: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, unknown>>;

/** A schema, as the calls that make it. */
const recipes = fc.letrec<{ schema: (b: Builders) => object }>((tie) => {
  const inner = tie('schema') as fc.Arbitrary<(b: Builders) => never>;
  const made = (...all: fc.Arbitrary<(b: Builders) => object>[]) => fc.oneof({ maxDepth: 3 }, ...all);
  return {
    schema: made(
      ...(['Boolean', 'Integer', 'Null', 'Number', 'String', 'Unknown'] as const).map((name) =>
        options.map((o) => (b: Builders) => b[name](o)),
      ),
      fc.tuple(fc.oneof(fc.string(), fc.integer(), fc.boolean()), options).map(
        ([value, o]) =>
          (b: Builders) =>
            b.Literal(value, o),
      ),
      fc.tuple(inner, options).map(
        ([item, o]) =>
          (b: Builders) =>
            b.Array(item(b), o),
      ),
      inner.map((of) => (b: Builders) => b.Optional(of(b))),
      inner.map((of) => (b: Builders) => b.Unsafe(of(b))),
      fc.tuple(fc.array(inner, { maxLength: 3 }), options).map(
        ([parts, o]) =>
          (b: Builders) =>
            b.Union(
              parts.map((part) => part(b)),
              o,
            ),
      ),
      fc.tuple(fc.dictionary(fc.constantFrom('a', 'b', 'c-d'), inner), options).map(
        ([properties, o]) =>
          (b: Builders) =>
            b.Object(Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, of(b)])), o),
      ),
      fc.tuple(inner, options).map(
        ([of, o]) =>
          (b: Builders) =>
            b.Record(b.String(), of(b), o),
      ),
    ),
  };
});

/** Everything that tells one schema from another, marks that JSON does not show among them. */
const facts = (value: unknown): unknown =>
  value === null || typeof value !== 'object'
    ? value
    : Object.entries(Object.getOwnPropertyDescriptors(value))
        .filter(([name]) => name !== 'length')
        .map(([name, { enumerable, value: of }]) => [name, enumerable, facts(of)])
        .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));

test('schemas are those of the library', () => {
  fc.assert(
    fc.property(recipes.schema, (recipe) => {
      const [own, theirs] = [recipe(Type), recipe(Library)];
      assert.deepEqual(facts(own), facts(theirs));
      assert.deepEqual(JSON.parse(JSON.stringify(own)), JSON.parse(JSON.stringify(theirs)));
    }),
    { numRuns: 500 },
  );
});
