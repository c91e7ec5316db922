// JSON Schema values with static types. The types are typebox's; the values are made here, because its module graph of
// several hundred files would be most of what a command loads. Browser-safe.

import type * as TypeBox from 'typebox';
import type { TOptional, TSchema } from 'typebox';

export type {
  Static,
  TArray,
  TBoolean,
  TEnum,
  TInteger,
  TNull,
  TObject,
  TOptional,
  TProperties,
  TSchema,
  TSchemaOptions,
  TString,
  TStringOptions,
} from 'typebox';

type Builders = Pick<
  typeof TypeBox.Type,
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
>;
type Facts = Record<string, unknown>;

/** Marks that are no part of the schema's JSON: what it is (`~kind`), whether it may be left out (`~optional`). */
function marked(schema: object, marks: Record<string, unknown>): object {
  for (const [name, value] of Object.entries(marks)) {
    Object.defineProperty(schema, name, { value, writable: true, configurable: true, enumerable: false });
  }
  return schema;
}

const build = (kind: string, schema: Facts, options: Facts = {}): object =>
  marked({ ...schema, ...options }, { '~kind': kind });
const copy = (schema: object): object => Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema));

/** Whether a property may be left out. */
export const isOptional = (schema: object): boolean => '~optional' in schema;

const builders = {
  Array: (items: TSchema, options?: Facts) => build('Array', { type: 'array', items }, options),
  Boolean: (options?: Facts) => build('Boolean', { type: 'boolean' }, options),
  Integer: (options?: Facts) => build('Integer', { type: 'integer' }, options),
  Literal: (value: string | number | boolean, options?: Facts) =>
    build('Literal', { type: typeof value, const: value }, options),
  Null: (options?: Facts) => build('Null', { type: 'null' }, options),
  Number: (options?: Facts) => build('Number', { type: 'number' }, options),
  Object: (properties: Record<string, TSchema>, options?: Facts) => {
    const required = Object.keys(properties).filter((name) => !isOptional(properties[name]!));
    return build('Object', { type: 'object', ...(required.length > 0 ? { required } : {}), properties }, options);
  },
  Optional: (schema: TSchema) => marked(copy(schema), { '~optional': true }) as TOptional<TSchema>,
  Record: (key: { pattern?: string }, value: TSchema, options?: Facts) =>
    build('Record', { type: 'object', patternProperties: { [key.pattern ?? '^.*$']: value } }, options),
  String: (options?: Facts) => build('String', { type: 'string' }, options),
  Union: (anyOf: TSchema[], options?: Facts) => build('Union', { anyOf }, options),
  Unknown: (options?: Facts) => build('Unknown', {}, options),
  Unsafe: (schema: object) => marked(copy(schema), { '~unsafe': null }),
};

/** The builders that the product uses, with the types and the results of typebox. */
export const Type = builders as unknown as Builders;
