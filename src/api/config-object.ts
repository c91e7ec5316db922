// Fulfils the five contracts of a kind of configuration object on its table (rest-api.md 7.5): texts, digest, secrets
// and lists by privilege are alike for all kinds; what is special about a kind comes as rules.

import type { Directories } from '../config/directories.ts';
import type { Changed, ConfigTable } from '../config/section-store.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import type { Static, TObject } from '../model/type.ts';
import type { CallContext } from '../wire/context.ts';
import { type Endpoint, implement } from '../wire/implement.ts';
import type { ConfigContracts } from './config-object.contract.ts';

export interface ConfigRules<T> {
  open(directories: Directories): ConfigTable<T>;
  /** Whether the caller sees the object in a list; by default all that the list's access lets in do. */
  visible?(call: CallContext, object: T, parameters: Readonly<Record<string, unknown>>): boolean;
  /** Throws when the caller may not read the object; for access of kind `inside`. */
  mayRead?(call: CallContext, object: T): void;
  /** What is stored for the given parameters: without those that are no fields, in the form of the file. */
  stored?(parameters: Readonly<Record<string, unknown>>): Partial<T>;
  /**
   * Throws when the caller may not make the change, or when it makes no sense. Called under the lock of the file;
   * `next` is undefined for a removal, `before` for a creation.
   */
  check?(call: CallContext, next: T | undefined, before: T | undefined, all: readonly T[]): void | Promise<void>;
  /** Called once a change is durable; `given` is what the caller sent. */
  changed?(call: CallContext, change: Changed<T>, given: Readonly<Record<string, unknown>>): Promise<void>;
  /** What is answered for an object; the secrets of the contract are left out in any case. */
  answer?(call: CallContext, object: T): Promise<Static<TObject>> | Static<TObject>;
}

/** The handlers of the five calls; leave those out of the result that a kind does in its own way. */
export function implementConfig<S extends TObject>(
  contracts: ConfigContracts<S>,
  rules: ConfigRules<Static<S>>,
): Record<'list' | 'create' | 'read' | 'update' | 'remove', Endpoint> {
  type T = Static<S>;
  const { id, secret = [] } = contracts.object;
  const stored = (parameters: Record<string, unknown>) => rules.stored?.(parameters) ?? (parameters as Partial<T>);
  const answer = async (call: CallContext, object: T): Promise<T> => {
    const shown = { ...((await rules.answer?.(call, object)) ?? object) } as Record<string, unknown>;
    for (const name of secret) delete shown[name];
    return shown as T;
  };
  const checkOf = (call: CallContext) => (next: T | undefined, before: T | undefined, all: readonly T[]) =>
    rules.check?.(call, next, before, all);

  return {
    list: handle(contracts.list, async (parameters, call) => {
      const { data, digest } = rules.open(call.server.directories).list();
      call.setAttribute('digest', digest);
      const seen = data.filter((object) => rules.visible?.(call, object, parameters) ?? true);
      return await Promise.all(seen.map((object) => answer(call, object)));
    }),

    create: handle(contracts.create, async (parameters, call) => {
      const table = rules.open(call.server.directories);
      const change = await table.create(stored(parameters) as T, { check: checkOf(call) });
      await rules.changed?.(call, change, parameters);
      return null;
    }),

    read: handle(contracts.read, async (parameters, call) => {
      const { data, digest } = rules.open(call.server.directories).get(String(parameters[id]));
      rules.mayRead?.(call, data);
      call.setAttribute('digest', digest);
      return await answer(call, data);
    }),

    update: handle(contracts.update, async (parameters, call) => {
      const { delete: remove, digest, ...given } = parameters as { delete?: string[]; digest?: string };
      const table = rules.open(call.server.directories);
      const options = { remove, digest, check: checkOf(call) };
      const change = await table.update(String(parameters[id]), stored(given), options);
      await rules.changed?.(call, change, parameters);
      return null;
    }),

    remove: handle(contracts.remove, async (parameters, call) => {
      const { digest } = parameters as { digest?: string };
      const table = rules.open(call.server.directories);
      const change = await table.remove(String(parameters[id]), { digest, check: checkOf(call) });
      await rules.changed?.(call, change, parameters);
      return null;
    }),
  };
}

function handle(
  contract: EndpointContract,
  handler: (parameters: Record<string, unknown>, call: CallContext) => Promise<unknown>,
): Endpoint {
  return implement(contract, (parameters, call) => handler(parameters as Record<string, unknown>, call));
}
