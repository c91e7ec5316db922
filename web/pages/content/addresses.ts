// Addresses of the pages about a datastore's content, with what they show in the query.

type Query = Readonly<Record<string, string | number | undefined>>;

function address(store: string, page: string, query: Query): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') text.set(name, String(value));
  }
  return `/datastore/${encodeURIComponent(store)}/${page}${text.size === 0 ? '' : `?${text}`}`;
}

export interface GroupAddress {
  ns: string;
  type: string;
  id: string;
}

/** The tree, from a namespace on. */
export const contentAddress = (store: string, ns: string): string => address(store, 'content', { ns });
/** Timeline of a group. */
export const groupAddress = (store: string, group: GroupAddress): string => address(store, 'group', { ...group });
/** Files of a snapshot. */
export const filesAddress = (store: string, group: GroupAddress, time: number): string =>
  address(store, 'files', { ...group, time });
/** Prune simulator of a group, or without one of all groups of a namespace. */
export const pruneAddress = (store: string, what: { ns: string } | GroupAddress): string =>
  address(store, 'prune', { ...what });
/** Two snapshots of a group side by side. */
export const compareAddress = (store: string, group: GroupAddress, times: { from?: number; to?: number }): string =>
  address(store, 'compare', { ...group, ...times });
