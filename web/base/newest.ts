// A fresh first page put in front of what is known of the rest of a list.

/**
 * The fresh page, and behind it the known rows that come after it. Known rows that the page should hold and does not
 * are gone; where the two have nothing in common there may be others between them, and only the page is sure.
 */
export function joinNewest<T>(fresh: readonly T[], known: readonly T[], rowId: (row: T) => string): readonly T[] {
  const ids = new Set(fresh.map(rowId));
  const last = known.findLastIndex((row) => ids.has(rowId(row)));
  return last < 0 ? fresh : [...fresh, ...known.slice(last + 1)];
}
