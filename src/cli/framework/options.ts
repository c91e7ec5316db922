// Builders of option schemas. The values are what TypeBox's own builders make (JSON Schema with TypeBox's
// static types); they are made here because loading TypeBox would double the time a short command takes.

import type {
  Static,
  TArray,
  TBoolean,
  TEnum,
  TInteger,
  TObject,
  TOptional,
  TProperties,
  TSchema,
  TString,
} from 'typebox';

/** What an option may say beside its type. `format` names a check of `values.ts`. */
export interface OptionFacts {
  description: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: OptionFormat;
  /** The word in angle brackets in help texts; the type's name when absent. */
  valueName?: string;
  /** May be given without a value, which then is empty: the command asks for it. */
  secret?: boolean;
}

export type OptionFormat = 'byte-size' | 'auth-id' | 'namespace';

/** The schema facts that parsing, help and completion read. */
export interface OptionSchema extends OptionFacts {
  type?: 'string' | 'integer' | 'boolean' | 'array' | 'object';
  enum?: readonly string[];
  items?: OptionSchema;
}

const build = <T extends TSchema>(kind: string, facts: object): T => {
  const schema = { ...facts };
  Object.defineProperty(schema, '~kind', { value: kind });
  return schema as T;
};

export const option = {
  text: (description: string, facts: Omit<OptionFacts, 'description'> = {}): TString =>
    build('String', { type: 'string', description, ...facts }),
  integer: (description: string, facts: Omit<OptionFacts, 'description'> = {}): TInteger =>
    build('Integer', { type: 'integer', description, ...facts }),
  flag: (description: string, facts: Omit<OptionFacts, 'description'> = {}): TBoolean =>
    build('Boolean', { type: 'boolean', description, ...facts }),
  choice: <const V extends string>(
    values: readonly V[],
    description: string,
    facts: Omit<OptionFacts, 'description'> = {},
  ): TEnum<V[]> => build('Enum', { type: 'string', enum: values, description, ...facts }),
  list: <T extends TSchema>(items: T, description: string): TArray<T> =>
    build('Array', { type: 'array', items, description }),
};

/** Marks an option as one that may be left out. */
export function optional<T extends TSchema>(schema: T): TOptional<T> {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema));
  return Object.defineProperty(copy, '~optional', { value: true }) as TOptional<T>;
}

/** The options of a command as one object schema; all that are not `optional` are required. */
export function optionSet<P extends TProperties>(properties: P): TObject<P> {
  const required = Object.keys(properties).filter((name) => !('~optional' in properties[name]!));
  return build('Object', { type: 'object', required, properties });
}

export type OptionValues<P extends TProperties> = Static<TObject<P>>;
