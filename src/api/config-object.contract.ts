// The five contracts of a kind of configuration object, made from its schema: list, create, read, update, remove
// (rest-api.md 7.5, 3.4). Browser-safe.

import { type Access, defineEndpoint, type EndpointContract } from '../model/endpoint.ts';
import { oneOf, schema } from '../model/schema.ts';
import { type TArray, type TNull, type TObject, type TProperties, Type } from '../model/type.ts';

export interface ConfigObject<S extends TObject> {
  /** Below `/api2/json/`: `config/prune`. */
  path: string;
  /** What it is, for summaries: `prune job`, `prune jobs`. */
  what: readonly [one: string, many: string];
  /** The fields as they are in the file. */
  schema: S;
  /** The field that names an object; also the variable in the path. */
  id: string;
  /** Fields that a change can remove, in the order of rest-api.md 7.5. */
  deletable: readonly string[];
  access: { list: Access; read: Access; create: Access; update: Access; remove: Access };
  /** Fields that are given but never answered; their parameters are `writeOnly`. */
  secret?: readonly string[];
  /** Fields that can only be given at creation. */
  fixed?: readonly string[];
  /** Parameters beyond the fields, or in the place of fields whose parameter has another form than the file. */
  parameters?: { list?: TProperties; create?: TProperties; update?: TProperties; remove?: TProperties };
  /** Answers beyond the fields. */
  answers?: TProperties;
}

/** The contracts of a kind of object. What parameters a handler gets is the business of `config-object.ts`. */
export interface ConfigContracts<S extends TObject> {
  readonly object: ConfigObject<S>;
  readonly list: EndpointContract<TObject, TArray<S>>;
  readonly create: EndpointContract<TObject, TNull>;
  readonly read: EndpointContract<TObject, S>;
  readonly update: EndpointContract<TObject, TNull>;
  readonly remove: EndpointContract<TObject, TNull>;
}

/** Declares the contracts. Writing ones are `protected`. */
export function configContracts<S extends TObject>(
  object: ConfigObject<S> & { id: keyof S['properties'] },
): ConfigContracts<S> {
  const { path, id, what, access, parameters = {} } = object;
  const { [id]: idSchema, ...fields } = object.schema.properties as TProperties;
  const name = { [id]: idSchema! };
  const answered = Type.Object(
    without({ ...object.schema.properties, ...object.answers }, object.secret),
  ) as TObject as S;
  const [one, many] = what;
  const digest = { digest: Type.Optional(schema.configDigest) };
  const deletable: TProperties = {};
  if (object.deletable.length > 0) {
    deletable['delete'] = Type.Optional(Type.Array(oneOf(object.deletable), { description: 'Properties to remove.' }));
  }
  return {
    object,
    list: defineEndpoint({
      method: 'GET',
      path,
      summary: `List ${many}.`,
      parameters: Type.Object({ ...parameters.list }),
      result: Type.Array(answered),
      access: access.list,
    }),
    create: defineEndpoint({
      method: 'POST',
      path,
      summary: `Create a ${one}.`,
      parameters: Type.Object({ ...name, ...fields, ...parameters.create }),
      result: Type.Null(),
      access: access.create,
      protected: true,
    }),
    read: defineEndpoint({
      method: 'GET',
      path: `${path}/{${id}}`,
      summary: `Read a ${one}.`,
      parameters: Type.Object(name),
      result: answered,
      access: access.read,
    }),
    update: defineEndpoint({
      method: 'PUT',
      path: `${path}/{${id}}`,
      summary: `Change a ${one}.`,
      parameters: Type.Object({
        ...name,
        ...optionalAll(without(fields, object.fixed)),
        ...optionalAll(parameters.update ?? {}),
        ...deletable,
        ...digest,
      }),
      result: Type.Null(),
      access: access.update,
      protected: true,
    }),
    remove: defineEndpoint({
      method: 'DELETE',
      path: `${path}/{${id}}`,
      summary: `Remove a ${one}.`,
      parameters: Type.Object({ ...name, ...parameters.remove, ...digest }),
      result: Type.Null(),
      access: access.remove,
      protected: true,
    }),
  };
}

function without(fields: TProperties, names: readonly string[] = []): TProperties {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function optionalAll(fields: TProperties): TProperties {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, Type.Optional(field)]));
}
