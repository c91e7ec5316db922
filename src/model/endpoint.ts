// How an endpoint is declared: one object gives validation, access check, CLI, API description and typed calls.
// Browser-safe: implementations live beside the contracts, in files without `.contract`.

import type { Privilege } from './privileges.ts';
import type { Static, TObject, TSchema } from './type.ts';

/**
 * Who may call. `path` may name parameters in braces: `/datastore/{store}/{ns}` (an absent or empty
 * parameter drops its component). `inside`: the handler checks, as the note says.
 */
export type Access =
  | { kind: 'world' }
  | { kind: 'any' }
  | { kind: 'privilege'; path: string; all?: readonly Privilege[]; any?: readonly Privilege[] }
  /**
   * On `/datastore/{store}/{ns}`: any of `full` reaches every group, else any of `owned` the groups that the caller
   * owns. The handler is told which, and checks the owner of a single group with `checkOwner`.
   */
  | { kind: 'datastore'; full: readonly Privilege[]; owned: readonly Privilege[] }
  | { kind: 'inside'; note: string };

export interface EndpointContract<P extends TObject = TObject, R extends TSchema = TSchema> {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api2/json/` without slash in front; path variables in braces: `admin/datastore/{store}/groups`. */
  path: string;
  summary: string;
  /**
   * Path variables included. Property names are the wire's kebab-case. Secrets are `writeOnly`, which keeps them out of
   * every log.
   */
  parameters: P;
  result: R;
  access: Access;
  /**
   * Runs where the server has all its rights: it writes configuration, reads secrets, or changes the machine. In an
   * installation the unprivileged process hands such calls on.
   */
  protected?: true;
  /** Lets in who sends `Authorization: Bearer` with an API token too, as scrapers do. */
  bearer?: true;
  /** A call that changes nothing, although its method is not GET: it is not in the audit log. */
  audit?: false;
  /** `upload`: the body is raw and streamed to the handler, parameters come from query and path only. */
  body?: 'upload';
  /** Content type of another form than JSON, in which it is answered to whoever asks for that. */
  alternative?: string;
  /** `download`: the handler answers a byte stream itself. */
  answer?: 'download';
}

export type Parameters<C> = C extends EndpointContract<infer P, TSchema> ? Static<P> : never;
export type Result<C> = C extends EndpointContract<TObject, infer R> ? Static<R> : never;

/** Keeps the literal types of a declaration. */
export function defineEndpoint<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
): EndpointContract<P, R> {
  return contract;
}
