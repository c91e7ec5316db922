// Keys that were opened in this window, by fingerprint: in memory only, gone with the page.

import { useSyncExternalStore } from 'react';
import type { Key } from './key.ts';

let keys: ReadonlyMap<string, Key> = new Map();
const listeners = new Set<() => void>();

function change(next: ReadonlyMap<string, Key>): void {
  keys = next;
  for (const listener of listeners) listener();
}

export function rememberKey(key: Key): void {
  change(new Map([...keys, [key.fingerprint, key]]));
}

export function forgetKey(fingerprint: string): void {
  change(new Map([...keys].filter(([known]) => known !== fingerprint)));
}

/** All that are known now. */
export const knownKeys = (): Key[] => [...keys.values()];

/** The key of a fingerprint, as soon and as long as it is known. */
export function useKnownKey(fingerprint: string | undefined): Key | undefined {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => keys,
  );
  return fingerprint === undefined ? undefined : all.get(fingerprint);
}
