// Loads what is looked at of a datastore: the groups of open namespaces, the snapshots of open groups, and for both what
// they take up, which may come later.

import { useMemo } from 'react';
import { getAccounting } from '../../../src/api/admin/datastore/accounting.contract.ts';
import { listGroups } from '../../../src/api/admin/datastore/groups.contract.ts';
import { listNamespaces } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { isBackupType } from '../../../src/model/names.ts';
import { useCall, useCalls } from '../../base/live.ts';
import { accountId, type ContentNode, contentTree, type Loaded } from './nodes.ts';

const maxEntries = 10_000;
/** Looking at thousands of groups, or into many of them, costs the server: it is done the less often the more there are. */
const msPerGroup = 6;
const msPerOpenGroup = 5000;

/** Namespace as a parameter: the root is left out. */
export const inNamespace = (ns: string): { ns?: string } => (ns === '' ? {} : { ns });

interface LoadedContent {
  tree: ContentNode[] | undefined;
  namespaces: readonly string[];
  error: Error | undefined;
}

/** The tree below a namespace, as far as it is open: `expanded` has ids of nodes. */
export function useContent(store: string, ns: string, expanded: Readonly<Record<string, boolean>>): LoadedContent {
  const { openNamespaces, openGroups } = useMemo(() => openParts(ns, expanded), [ns, expanded]);
  const namespaces = useCall(listNamespaces, { store, ...(ns === '' ? {} : { parent: ns }) });
  const groups = useCalls(
    listGroups,
    openNamespaces.map((one) => ({ store, ...inNamespace(one) })),
    { every: (known) => Math.max(10_000, (known?.length ?? 0) * msPerGroup) },
  );
  const snapshots = useCalls(
    listSnapshots,
    openGroups.map(({ parameters }) => ({ store, ...parameters })),
    { every: Math.max(20_000, openGroups.length * msPerOpenGroup) },
  );
  const account = useCall(getAccounting, { store, ...inNamespace(ns), limit: maxEntries }, { every: 60_000 });
  const accounts = useCalls(
    getAccounting,
    openGroups.map(({ parameters }) => {
      return { store, 'max-depth': 0, level: 'snapshot' as const, limit: maxEntries, ...parameters };
    }),
    { every: 60_000 },
  );
  const names = useMemo(() => (namespaces.data ?? []).map((one) => one.ns), [namespaces.data]);
  const unique = useMemo(() => {
    const entries = [account.data, ...accounts.map((one) => one.data)].flatMap((one) => one?.entries ?? []);
    return new Map(entries.map((entry) => [accountId(entry), entry['unique-bytes']]));
  }, [account.data, accounts]);
  const tree = useMemo(() => {
    const byNamespace = new Map(openNamespaces.map((one, i) => [one, groups[i] as Loaded<never>]));
    const byGroup = new Map(openGroups.map(({ id }, i) => [id, snapshots[i] as Loaded<never>]));
    return contentTree({ ns, namespaces: names, groups: byNamespace, snapshots: byGroup, unique });
  }, [ns, names, groups, snapshots, unique, openNamespaces, openGroups]);
  // Whoever may see a namespace below only is refused the groups here, and that is no error.
  const refused = groups[0]?.error;
  const isFirst = groups[0]?.data === undefined && refused === undefined;
  return {
    tree: isFirst ? undefined : tree,
    namespaces: names,
    error: namespaces.error ?? (names.length > 1 ? undefined : refused),
  };
}

/** What the ids of open nodes stand for (nodes.ts). */
function openParts(ns: string, expanded: Readonly<Record<string, boolean>>) {
  const open = Object.keys(expanded).filter((id) => expanded[id]);
  const openNamespaces = [ns, ...open.filter((id) => id.startsWith('n:')).map((id) => id.slice(2))];
  const openGroups = open.flatMap((id) => {
    const [, inside, type = '', name = ''] = /^g:([^:]*):([^/]+)\/(.+)$/.exec(id) ?? [];
    if (inside === undefined || !isBackupType(type)) return [];
    return [{ id, parameters: { ...inNamespace(inside), 'backup-type': type, 'backup-id': name } }];
  });
  return { openNamespaces, openGroups };
}
