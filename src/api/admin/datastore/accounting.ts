// Who takes up the space of a datastore, as far as the caller may see it.

import { type Account, figuresByName, type GroupBytes, type NodeBytes } from '../../../datastore/accounting.ts';
import type { Datastore } from '../../../datastore/datastore.ts';
import { ownerMatches } from '../../../model/auth-id.ts';
import { parseNamespace } from '../../../model/backup.ts';
import type { Result } from '../../../model/endpoint.ts';
import { callerOf, datastoreReach } from '../../../wire/authorize.ts';
import type { CallContext, DatastoreReach } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { getAccounting } from './accounting.contract.ts';
import { openTarget } from './target.ts';

type Node = Result<typeof getAccounting>['entries'][number];

/** How long a call waits for figures that are up to date. */
const waitMs = 20_000;
/** Likewise a listing. */
const listingWaitMs = 5000;

export const accountingEndpoints = [
  implement(getAccounting, async (parameters, call) => {
    const { store, ns } = await openTarget(call, parameters);
    const account = await store.accounting.account({
      waitMs,
      mayWrite: await mayWrite(call, parameters.store),
      mayBeRecent: true,
    });
    const view = new AccountView(call, store, parameters.store, account);
    const { level = 'group', order = 'tree', start = 0, limit = 1000 } = parameters;
    const { 'backup-type': type, 'backup-id': id, 'max-depth': maxDepth } = parameters;
    const nodes = await view.nodes(ns, maxDepth, level, (group) => {
      return (type === undefined || group.type === type) && (id === undefined || group.id === id);
    });
    if (order === 'unique') nodes.sort((a, b) => b['unique-bytes'] - a['unique-bytes']);
    const { quality, reason, state } = account;
    return {
      quality,
      ...(reason === undefined ? {} : { reason }),
      ...(state === undefined ? {} : { 'counted-at': state.at }),
      ...(state?.measured === undefined ? {} : { 'measured-at': state.measured }),
      ...(state && view.reach('') === 'all' ? { chunks: state.chunks, 'unreferenced-bytes': state.unreferenced } : {}),
      total: nodes.length,
      entries: nodes.slice(start, start + limit),
    };
  }),
];

/** Whether the files of the account may be written: not while the datastore is read-only. */
export async function mayWrite(call: CallContext, store: string): Promise<boolean> {
  return await call.server.datastores.get(store, 'write').then(
    () => true,
    () => false,
  );
}

/** For listings: the members that say what an object, named as in `figuresByName`, takes; none where that is unknown. */
export async function usageOf(
  call: CallContext,
  store: Datastore,
  wanted: boolean | undefined,
): Promise<(name: string) => Partial<ReturnType<typeof figures>>> {
  if (!wanted) return () => ({});
  const { state } = await store.accounting.account({
    waitMs: listingWaitMs,
    mayWrite: await mayWrite(call, store.name),
    mayBeRecent: true,
  });
  const known = state && figuresByName(state);
  return (name) => {
    const found = known?.get(name);
    return found ? figures(found) : {};
  };
}

const access = { full: ['Datastore.Audit'], owned: ['Datastore.Backup'] } as const;
const figures = ({ unique, referenced }: NodeBytes) => ({
  'unique-bytes': unique,
  'shared-bytes': referenced - unique,
});

class AccountView {
  readonly #call: CallContext;
  readonly #store: Datastore;
  readonly #name: string;
  readonly #account: Account;
  readonly #reaches = new Map<string, DatastoreReach | 'none'>();

  constructor(call: CallContext, store: Datastore, name: string, account: Account) {
    this.#call = call;
    this.#store = store;
    this.#name = name;
    this.#account = account;
  }

  /** What the caller reaches of a namespace. */
  reach(ns: string): DatastoreReach | 'none' {
    const known = this.#reaches.get(ns);
    if (known) return known;
    let reach: DatastoreReach | 'none';
    try {
      reach = datastoreReach(this.#call.server, callerOf(this.#call), this.#name, parseNamespace(ns), access);
    } catch {
      reach = 'none';
    }
    this.#reaches.set(ns, reach);
    return reach;
  }

  /** Namespaces, each followed by its groups, each followed by its snapshots, oldest first. */
  async nodes(
    parent: readonly string[],
    maxDepth: number | undefined,
    level: 'namespace' | 'group' | 'snapshot',
    accept: (group: GroupBytes) => boolean,
  ): Promise<Node[]> {
    const { state } = this.#account;
    if (!state) return [];
    const nodes: Node[] = [];
    const groups = Map.groupBy(state.groups, ({ ns }) => ns);
    const names = state.namespaces.map(({ ns }) => ns);
    const below = (ns: string, other: string): boolean => ns === '' || other === ns || other.startsWith(`${ns}/`);
    for (const namespace of state.namespaces) {
      const { ns } = namespace;
      const depth = parseNamespace(ns).length - parent.length;
      if (!below(parent.join('/'), ns) || depth > (maxDepth ?? depth) || this.reach(ns) === 'none') continue;
      // The sum tells of all that is in it.
      if (names.every((other) => !below(ns, other) || this.reach(other) === 'all')) {
        const inside = state.groups.filter((group) => below(ns, group.ns) && group.type !== 'stray');
        nodes.push({ kind: 'namespace', ns, ...figures(namespace), snapshots: countOf(inside) });
      }
      if (level === 'namespace') continue;
      for (const group of groups.get(ns) ?? []) {
        if (accept(group)) nodes.push(...(await this.#groupNodes(group, level)));
      }
    }
    return nodes;
  }

  async #groupNodes(group: GroupBytes, level: 'group' | 'snapshot'): Promise<Node[]> {
    const { ns, type, id } = group;
    if (type === 'stray' || !(await this.#mayList(group, { type, id }))) return [];
    const name = { ns, 'backup-type': type, 'backup-id': id };
    const nodes: Node[] = [{ kind: 'group', ...name, ...figures(group), snapshots: group.snapshots.length }];
    if (level === 'group') return nodes;
    for (const snapshot of group.snapshots.toSorted((a, b) => a.time - b.time)) {
      nodes.push({ kind: 'snapshot', ...name, 'backup-time': snapshot.time, ...figures(snapshot) });
    }
    return nodes;
  }

  async #mayList({ ns }: GroupBytes, group: Parameters<Datastore['readOwner']>[1]): Promise<boolean> {
    if (this.reach(ns) === 'all') return true;
    const owner = await this.#store.readOwner(parseNamespace(ns), group).catch(() => undefined);
    return owner !== undefined && ownerMatches(owner, callerOf(this.#call));
  }
}

const countOf = (groups: readonly GroupBytes[]): number =>
  groups.reduce((sum, { snapshots }) => sum + snapshots.length, 0);
