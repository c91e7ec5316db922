// Moving groups and namespaces within a datastore, as tasks.

import { PruneJobConfig } from '../../../config/prune-config.ts';
import { SyncJobConfig } from '../../../config/sync-config.ts';
import { VerifyJobConfig } from '../../../config/verify-config.ts';
import { formatGroup, formatNamespace, type Namespace, parseNamespace } from '../../../model/backup.ts';
import type { WorkerTask } from '../../../task/task-registry.ts';
import { callerOf, checkOwner, datastoreReach } from '../../../wire/authorize.ts';
import type { ServerContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { startTask } from './jobs.ts';
import { moveGroup, moveNamespace } from './move.contract.ts';
import { checkGroup, groupOf, openTarget } from './target.ts';

const reporting = (task: WorkerTask) => ({
  log: (line: string) => task.log(line),
  warn: (line: string) => task.warn(line),
  signal: task.signal,
});

export const moveEndpoints = [
  implement(moveGroup, async (parameters, call) => {
    const to = parseNamespace(parameters['target-ns'] ?? '');
    const wanted = { full: ['Datastore.Modify'], owned: ['Datastore.Backup'] } as const;
    const targetReach = datastoreReach(call.server, callerOf(call), parameters.store, to, wanted);
    const reach = targetReach === 'all' ? call.reach : targetReach;
    const owning = reach === undefined ? call : { ...call, reach };
    const target = await openTarget(call, parameters, 'write');
    const group = groupOf(parameters);
    await checkGroup(owning, target, group);
    const move = { group, from: target.ns, to, merge: parameters['merge-group'] ?? true };
    await target.store.checkGroupMove(move);
    const from = formatNamespace(target.ns);
    const id = `${parameters.store}:${from}/${formatGroup(group)}`;
    const task = await startTask(call, 'move-group', id, parameters.store, async (worker) => {
      worker.log(`move group '${formatGroup(group)}' from '${from}' to '${formatNamespace(to)}'`);
      await target.store.moveGroup(move, {
        ...reporting(worker),
        checkOwner: (owner) => checkOwner(owning, owner),
      });
    });
    return task.upid;
  }),

  implement(moveNamespace, async (parameters, call) => {
    const from = parseNamespace(parameters.ns);
    const to = parseNamespace(parameters['target-ns']);
    for (const ns of [from, to]) {
      const changing = { full: ['Datastore.Modify'], owned: [] } as const;
      datastoreReach(call.server, callerOf(call), parameters.store, ns.slice(0, -1), changing);
    }
    const { store } = await openTarget(call, parameters, 'write');
    const move = {
      from,
      to,
      maxDepth: parameters['max-depth'],
      deleteSource: parameters['delete-source'] ?? true,
      mergeGroups: parameters['merge-groups'] ?? true,
    };
    await store.checkNamespaceMove(move);
    const id = `${parameters.store}:${parameters.ns}`;
    const task = await startTask(call, 'move-namespace', id, parameters.store, async (worker) => {
      worker.log(`move namespace '${parameters.ns}' to '${parameters['target-ns']}'`);
      await store.moveNamespace(move, reporting(worker));
      for (const job of jobsAbout(call.server, parameters.store, from)) {
        worker.warn(`${job} still names '${parameters.ns}', or a namespace in it: it does not follow what was moved`);
      }
    });
    return task.upid;
  }),
];

/** The jobs for a namespace or for one below it. */
function jobsAbout({ directories }: ServerContext, store: string, ns: Namespace): string[] {
  const isAbout = (job: { store: string; ns?: string }): boolean => {
    const of = parseNamespace(job.ns ?? '');
    return job.store === store && ns.every((part, level) => part === of[level]);
  };
  const named = (kind: string, jobs: readonly { id: string; store: string; ns?: string }[]): string[] =>
    jobs.filter(isAbout).map(({ id }) => `${kind} job '${id}'`);
  return [
    ...named('prune', new PruneJobConfig(directories).list().data),
    ...named('verification', new VerifyJobConfig(directories).list().data),
    ...named('sync', new SyncJobConfig(directories).list().data),
  ];
}
