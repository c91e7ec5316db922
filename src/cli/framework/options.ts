// Builders of option schemas.

import {
  type Static,
  type TArray,
  type TBoolean,
  type TInteger,
  type TObject,
  type TOptional,
  type TProperties,
  type TSchema,
  type TString,
  type TUnsafe,
  Type,
} from '../../model/type.ts';

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

type Facts = Omit<OptionFacts, 'description'>;

export const option = {
  text: (description: string, facts: Facts = {}): TString => Type.String({ description, ...facts }),
  integer: (description: string, facts: Facts = {}): TInteger => Type.Integer({ description, ...facts }),
  flag: (description: string, facts: Facts = {}): TBoolean => Type.Boolean({ description, ...facts }),
  choice: <const V extends string>(values: readonly V[], description: string, facts: Facts = {}): TUnsafe<V> =>
    Type.Unsafe<V>({ type: 'string', enum: values, description, ...facts }),
  list: <T extends TSchema>(items: T, description: string): TArray<T> => Type.Array(items, { description }),
};

/** Marks an option as one that may be left out. */
export const optional = <T extends TSchema>(schema: T): TOptional<T> => Type.Optional(schema) as TOptional<T>;

/** The options of a command as one object schema; all that are not `optional` are required. */
export const optionSet: <P extends TProperties>(properties: P) => TObject<P> = Type.Object;

export type OptionValues<P extends TProperties> = Static<TObject<P>>;
