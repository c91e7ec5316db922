// Results of calls that stay fresh by themselves, and changes that refresh what is on the screen.

import { QueryClient, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import type { EndpointContract, Parameters, Result } from '../../src/model/endpoint.ts';
import type { TObject, TSchema } from '../../src/model/type.ts';
import { type Answer, ApiError, call, callWhole } from './api.ts';

/**
 * The results that a user has seen; each user has new ones. A refused call is not repeated, an unreachable server is
 * asked again.
 */
export function newResults(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2000,
        retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
      },
    },
  });
}

type Every<T> = number | false | ((data: T | undefined) => number | false);

interface LiveOptions<T = unknown> {
  /**
   * Milliseconds between two calls while the page is looked at. Default 10 s; `false` is only once. A function tells it
   * from the last result.
   */
  every?: Every<T>;
  /** Not called while false. */
  enabled?: boolean;
}

export interface Live<T> {
  /** The last result; undefined before the first. */
  data: T | undefined;
  error: Error | undefined;
  /** No result and no error yet. */
  isLoading: boolean;
  /** The result is that of the parameters before, until those of now have one. */
  isPrevious: boolean;
  refresh(): void;
}

/** The result of a call, made again and again. */
export function useCall<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  parameters: Parameters<EndpointContract<P, R>>,
  options: LiveOptions<Result<EndpointContract<P, R>>> = {},
): Live<Result<EndpointContract<P, R>>> {
  const whole = useWhole(contract, parameters, options);
  return { ...whole, data: whole.data?.data };
}

/** As `useCall`, with the attributes of the answer: `total`, `digest`. */
export function useWhole<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  parameters: Parameters<EndpointContract<P, R>>,
  { every = 10_000, enabled = true }: LiveOptions<Result<EndpointContract<P, R>>> = {},
): Live<Answer<Result<EndpointContract<P, R>>>> {
  const query = useQuery({
    queryKey: [contract.path, contract.method, parameters],
    queryFn: ({ signal }) => callWhole(contract, parameters, { signal }),
    refetchInterval: intervalOf(every),
    enabled,
  });
  const { data, error, isPending, refetch } = query;
  const [last, setLast] = useState(data);
  if (data !== undefined && data !== last) setLast(data);
  // What is shown stays until there is something else to show in its place.
  const isPrevious = isPending && last !== undefined;
  return {
    data: isPrevious ? last : data,
    error: error ?? undefined,
    isLoading: isPending && !isPrevious && enabled,
    isPrevious,
    refresh: () => void refetch(),
  };
}

function intervalOf<T>(every: Every<T>) {
  if (typeof every !== 'function') return every;
  return ({ state }: { state: { data?: Answer<T> | undefined } }) => every(state.data?.data);
}

/** The results of one call with several parameters, in their order; the same list as long as no result has changed. */
export function useCalls<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
  all: readonly Parameters<EndpointContract<P, R>>[],
  { every = 10_000, enabled = true }: LiveOptions<Result<EndpointContract<P, R>>> = {},
): readonly Pick<Live<Result<EndpointContract<P, R>>>, 'data' | 'error'>[] {
  const results = useQueries({
    queries: all.map((parameters) => ({
      queryKey: [contract.path, contract.method, parameters],
      queryFn: ({ signal }: { signal: AbortSignal }) => callWhole(contract, parameters, { signal }),
      refetchInterval: intervalOf(every),
      enabled,
    })),
  }).map(({ data, error }) => ({ data: data?.data, error: error ?? undefined }));
  const kept = useRef(results);
  const same = (i: number): boolean =>
    kept.current[i]!.data === results[i]!.data && kept.current[i]!.error === results[i]!.error;
  if (kept.current.length !== results.length || !results.every((_, i) => same(i))) kept.current = results;
  return kept.current;
}

/** For what calls by itself, many times perhaps: afterwards all that is shown is asked for anew. */
export function useRefresh(): () => void {
  const client = useQueryClient();
  return () => void client.invalidateQueries();
}

export interface Change<P, R> {
  /** Makes the call; the promise fails as the call does. */
  run(parameters: P): Promise<R>;
  isRunning: boolean;
  error: Error | undefined;
  reset(): void;
}

/** A call that changes something: afterwards all that is shown is asked for anew. */
export function useChange<P extends TObject, R extends TSchema>(
  contract: EndpointContract<P, R>,
): Change<Parameters<EndpointContract<P, R>>, Result<EndpointContract<P, R>>> {
  const client = useQueryClient();
  const mutation = useMutation({
    mutationFn: (parameters: Parameters<EndpointContract<P, R>>) => call(contract, parameters),
    onSettled: () => client.invalidateQueries(),
  });
  const { mutateAsync, isPending, error, reset } = mutation;
  return { run: mutateAsync, isRunning: isPending, error: error ?? undefined, reset };
}
