// Joins a contract with the function that fulfils it.

import type { EndpointContract } from '../model/endpoint.ts';
import type { Static, TObject, TSchema } from '../model/type.ts';
import type { TextAnswer } from './answer.ts';
import type { ByteAnswer, CallContext } from './context.ts';

/** A contract and its handler, as the router keeps them. */
export interface Endpoint {
  readonly contract: EndpointContract;
  readonly handle: (parameters: Record<string, unknown>, call: CallContext) => Promise<unknown>;
}

/** A handler of a call that answers JSON: checked parameters in, a value of the declared result out. */
export function implement<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  handler: (parameters: Static<P>, call: CallContext) => Promise<Static<R>>,
): Endpoint {
  return {
    contract: contract,
    handle: (parameters, call) => handler(parameters as Static<P>, call),
  };
}

/** A handler of a call that has an `alternative` to JSON. */
export function implementEither<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  handler: (parameters: Static<P>, call: CallContext) => Promise<Static<R> | TextAnswer>,
): Endpoint {
  return {
    contract: contract,
    handle: (parameters, call) => handler(parameters as Static<P>, call),
  };
}

/** A handler of a call that answers bytes of its own (`answer: 'download'`). */
export function implementDownload<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  handler: (parameters: Static<P>, call: CallContext) => Promise<ByteAnswer>,
): Endpoint {
  return {
    contract: contract,
    handle: (parameters, call) => handler(parameters as Static<P>, call),
  };
}
