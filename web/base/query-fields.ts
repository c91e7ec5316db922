// Filters of a list in the query of the address, so that a list can be shared as it is seen.

import { useSearchParams } from 'wouter';

export interface QueryFields<K extends string> {
  /** By name; the empty text is "not set". */
  values: Readonly<Record<K, string>>;
  /** How many are set. */
  count: number;
  set(name: K, value: string): void;
  clear(): void;
}

/** The fields of these names. Other parts of the query stay. */
export function useQueryFields<K extends string>(names: readonly K[]): QueryFields<K> {
  const [query, setQuery] = useSearchParams();
  const values = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ''])) as Record<K, string>;
  const change = (changes: Partial<Record<K, string>>): void =>
    setQuery(
      (old) => {
        const next = new URLSearchParams(old);
        for (const [name, value] of Object.entries(changes) as [K, string][]) {
          if (value === '') next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  return {
    values,
    count: names.filter((name) => values[name] !== '').length,
    set: (name, value) => change({ [name]: value } as Partial<Record<K, string>>),
    clear: () => change(Object.fromEntries(names.map((name) => [name, ''])) as Partial<Record<K, string>>),
  };
}

/** Start (or end) of a day `2026-11-27` in the browser's time zone, or the epoch seconds that the text is. */
export function dayEdge(text: string, edge: 'start' | 'end'): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const date = new Date(`${text}T00:00:00`);
  if (edge === 'end') date.setDate(date.getDate() + 1);
  const seconds = Math.floor(date.getTime() / 1000);
  return Number.isNaN(seconds) ? undefined : edge === 'end' ? seconds - 1 : seconds;
}

/** What a date field shows of such a text. */
export function dayOf(text: string): string {
  return /^\d{1,12}$/.test(text) ? isoDay(new Date(Number(text) * 1000)) : text;
}

/** `2026-11-27`, in the browser's time zone. */
export function isoDay(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
