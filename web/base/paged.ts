// Long lists that the server hands out in pages: the newest page stays fresh, older ones are fetched when wanted.

import { useEffect, useEffectEvent, useRef, useState } from 'react';
import type { EndpointContract, Parameters } from '../../src/model/endpoint.ts';
import type { Static, TArray, TObject } from '../../src/model/type.ts';
import { call } from './api.ts';
import { useCall } from './live.ts';
import { joinNewest } from './newest.ts';

export interface Paged<T> {
  /** What is known so far, newest first; undefined before the first page. */
  rows: readonly T[] | undefined;
  /** There is more on the server. */
  hasMore: boolean;
  /** Fetches the next page, once at a time. */
  loadMore(): void;
  error: Error | undefined;
}

interface PagedOptions<T> {
  rowId(row: T): string;
  /** Milliseconds between two looks at the newest page. */
  every?: number | false;
  pageSize?: number;
}

type Row<R extends TArray> = Static<R> extends readonly (infer T)[] ? T : never;

/** The rows of a call with `start` and `limit`; `page` gives its parameters with the two. */
export function usePaged<P extends TObject, R extends TArray>(
  contract: EndpointContract<P, R>,
  page: (part: { start: number; limit: number }) => Parameters<EndpointContract<P, R>>,
  { rowId, every = 3000, pageSize = 200 }: PagedOptions<Row<R>>,
): Paged<Row<R>> {
  type T = Row<R>;
  const first = page({ start: 0, limit: pageSize });
  const key = JSON.stringify(first);
  const newest = useCall(contract, first, { every });
  const data = newest.data as readonly T[] | undefined;
  const [known, setKnown] = useState<{ key: string; rows: readonly T[]; hasMore: boolean }>();
  const [error, setError] = useState<Error>();
  const isLoading = useRef(false);
  const join = useEffectEvent((fresh: readonly T[], freshKey: string) =>
    setKnown((old) => {
      const isFull = fresh.length >= pageSize;
      const before = old?.key === freshKey ? old : undefined;
      const rows = joinNewest(fresh, isFull ? (before?.rows ?? []) : [], rowId);
      return { key: freshKey, rows, hasMore: isFull && (rows.length > fresh.length ? before!.hasMore : true) };
    }),
  );
  useEffect(() => {
    if (data !== undefined && !newest.isPrevious) join(data, key);
  }, [data, newest.isPrevious, key]);
  const loadMore = (): void => {
    if (isLoading.current || known?.key !== key || !known.hasMore) return;
    isLoading.current = true;
    call(contract, page({ start: known.rows.length, limit: pageSize }))
      .then((answer) => {
        const more = answer as readonly T[];
        setError(undefined);
        setKnown((old) => {
          if (old?.key !== key) return old;
          const ids = new Set(old.rows.map(rowId));
          return {
            key,
            rows: [...old.rows, ...more.filter((row) => !ids.has(rowId(row)))],
            hasMore: more.length >= pageSize,
          };
        });
      })
      .catch((cause: Error) => setError(cause))
      .finally(() => {
        isLoading.current = false;
      });
  };
  return {
    rows: known?.rows,
    hasMore: known?.hasMore ?? false,
    loadMore,
    error: newest.error ?? error,
  };
}
