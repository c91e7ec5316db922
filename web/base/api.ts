// Calls of the REST API, typed by the endpoint contracts that the server itself checks them with.

import type { EndpointContract, Parameters, Result } from '../../src/model/endpoint.ts';
import type { TObject, TSchema } from '../../src/model/type.ts';
import { csrfToken, sessionEnded } from './session.ts';

/** What the server said instead of a result. `fields` tells which parameters were wrong, and why. */
export class ApiError extends Error {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

/**
 * A result with what stands beside it in the answer: `total` of a paged list, `digest` of a configuration, `changes` of
 * one that wait to be applied.
 */
export interface Answer<T> {
  data: T;
  changes?: string;
  digest?: string;
  total?: number;
}

interface CallOptions {
  signal?: AbortSignal;
}

/** Makes the call. Throws `ApiError`; a session that has ended leads to the login page. */
export async function call<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  parameters: Parameters<EndpointContract<P, R>>,
  options: CallOptions = {},
): Promise<Result<EndpointContract<P, R>>> {
  return (await callWhole(contract, parameters, options)).data;
}

/** As `call`, with the attributes of the answer. */
export async function callWhole<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  parameters: Parameters<EndpointContract<P, R>>,
  options: CallOptions = {},
): Promise<Answer<Result<EndpointContract<P, R>>>> {
  const response = await send(contract, parameters as Record<string, unknown>, options);
  const answer = (await response.json()) as Answer<Result<EndpointContract<P, R>>> & { message?: string };
  return answer;
}

/** The answer of a call whose bytes are wanted as they come. Throws as `call` does. */
export async function callBytes<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  parameters: Parameters<EndpointContract<P, R>>,
  options: CallOptions = {},
): Promise<Response> {
  return await send(contract, parameters as Record<string, unknown>, options);
}

/** Where the browser finds what a call answers: for links that download. */
export function addressOf<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  parameters: Parameters<EndpointContract<P, R>>,
): string {
  const { path, rest } = fillPath(contract.path, parameters as Record<string, unknown>);
  const query = queryOf(rest);
  return `/api2/json/${path}${query === '' ? '' : `?${query}`}`;
}

async function send(
  contract: Pick<EndpointContract, 'method' | 'path'>,
  parameters: Record<string, unknown>,
  { signal }: CallOptions,
): Promise<Response> {
  const { path, rest } = fillPath(contract.path, parameters);
  const inQuery = contract.method === 'GET' || contract.method === 'DELETE';
  const query = inQuery ? queryOf(rest) : '';
  const headers: Record<string, string> = {};
  const token = csrfToken();
  if (token !== undefined && contract.method !== 'GET') headers['CSRFPreventionToken'] = token;
  if (!inQuery) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(`/api2/json/${path}${query === '' ? '' : `?${query}`}`, {
      method: contract.method,
      headers,
      ...(inQuery ? {} : { body: JSON.stringify(rest) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server cannot be reached.');
  }
  if (response.ok) return response;
  const error = errorOf(response.status, await response.text());
  if (response.status === 401 && contract.path !== 'access/ticket') sessionEnded();
  throw error;
}

/** Puts the path's parameters into it; the others are left. */
function fillPath(path: string, parameters: Record<string, unknown>): { path: string; rest: Record<string, unknown> } {
  const rest = { ...parameters };
  const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = rest[name];
    delete rest[name];
    return encodeURIComponent(String(value));
  });
  return { path: filled, rest };
}

function queryOf(parameters: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) {
      query.append(name, typeof one === 'boolean' ? (one ? '1' : '0') : String(one));
    }
  }
  return query.toString();
}

/** Takes the text of a failed parameter check apart, one line for each parameter (rest-api.md 2). */
export function errorOf(status: number, text: string): ApiError {
  const fields: Record<string, string> = {};
  if (/^parameter verification (failed|errors)/.test(text)) {
    for (const line of text.split('\n')) {
      const match = /'([^']+)': (.*)$/.exec(line);
      if (match) fields[match[1]!] = match[2]!;
    }
  }
  return new ApiError(status, text === '' ? `HTTP ${status}` : text.trim(), fields);
}
