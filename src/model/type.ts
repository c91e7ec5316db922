// JSON Schema values with static types. The types are typebox's; the values are made here, because its module graph of
// several hundred files would be most of what a command loads. Browser-safe.

import type {
  TArray,
  TArrayOptions,
  TBoolean,
  TInteger,
  TLiteral,
  TNull,
  TNumber,
  TNumberOptions,
  TObject,
  TObjectOptions,
  TOptional,
  TProperties,
  TRecord,
  TSchema,
  TSchemaOptions,
  TString,
  TStringOptions,
  TUnion,
  TUnknown,
  TUnsafe,
} from 'typebox';

export type {
  Static,
  TArray,
  TBoolean,
  TInteger,
  TNull,
  TObject,
  TOptional,
  TProperties,
  TSchema,
  TSchemaOptions,
  TString,
  TStringOptions,
  TUnsafe,
} from 'typebox';

type Facts = Record<string, unknown>;

/**
 * A schema with marks that are no part of its JSON: what it is (`~kind`), whether it may be left out (`~optional`). That
 * it is what its builder says is the test's business, which compares each with that of the library.
 */
function marked<T extends TSchema>(schema: object, marks: Facts): T {
  for (const [name, value] of Object.entries(marks)) {
    Object.defineProperty(schema, name, { value, writable: true, configurable: true, enumerable: false });
  }
  return schema as T;
}

const build = <T extends TSchema>(kind: string, schema: Facts, options: object = {}): T =>
  marked({ ...schema, ...options }, { '~kind': kind });
const copy = (schema: object): object => Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema));

/** Whether a property may be left out. */
export const isOptional = (schema: object): boolean => '~optional' in schema;

/** The builders that the product uses, with the types and the results of typebox. */
export const Type = {
  Array: <T extends TSchema>(items: T, options?: TArrayOptions): TArray<T> =>
    build('Array', { type: 'array', items }, options),
  Boolean: (options?: TSchemaOptions): TBoolean => build('Boolean', { type: 'boolean' }, options),
  Integer: (options?: TNumberOptions): TInteger => build('Integer', { type: 'integer' }, options),
  Literal: <V extends string | number | boolean>(value: V, options?: TSchemaOptions): TLiteral<V> =>
    build('Literal', { type: typeof value, const: value }, options),
  Null: (options?: TSchemaOptions): TNull => build('Null', { type: 'null' }, options),
  Number: (options?: TNumberOptions): TNumber => build('Number', { type: 'number' }, options),
  Object: <P extends TProperties>(properties: P, options?: TObjectOptions): TObject<P> => {
    const required = Object.keys(properties).filter((name) => !isOptional(properties[name]!));
    return build('Object', { type: 'object', ...(required.length > 0 ? { required } : {}), properties }, options);
  },
  Optional: <T extends TSchema>(schema: T): '~optional' extends keyof T ? T : TOptional<T> =>
    marked(copy(schema), { '~optional': true }),
  /** Of texts to values. */
  Record: <V extends TSchema>(
    key: TString & { pattern?: string },
    value: V,
    options?: TObjectOptions,
  ): TRecord<'^.*$', V> =>
    build('Record', { type: 'object', patternProperties: { [key.pattern ?? '^.*$']: value } }, options),
  String: (options?: TStringOptions): TString => build('String', { type: 'string' }, options),
  Union: <T extends TSchema[]>(anyOf: [...T], options?: TSchemaOptions): TUnion<T> =>
    build('Union', { anyOf }, options),
  Unknown: (options?: TSchemaOptions): TUnknown => build('Unknown', {}, options),
  Unsafe: <T>(schema: TSchema): TUnsafe<T> => marked(copy(schema), { '~unsafe': null }),
};
