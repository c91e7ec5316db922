// What pruning would do, without doing it.

import { simulatePrune as simulate } from '../../../datastore/prune.ts';
import { keepOptionsOf } from '../../../datastore/retention.ts';
import { formatNamespace } from '../../../model/backup.ts';
import { implement } from '../../../wire/implement.ts';
import { parameterError } from '../../../wire/parameters.ts';
import { mayWrite } from './accounting.ts';
import { groupFilter, pruneItems } from './jobs.ts';
import { simulatePrune } from './simulation.contract.ts';
import { checkGroup, openTarget } from './target.ts';

/** How long a simulation waits to know what it would free, milliseconds. */
const freedWaitMs = 3_000;

export const simulationEndpoints = [
  implement(simulatePrune, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const { 'backup-type': type, 'backup-id': id, 'max-depth': maxDepth } = parameters;
    if ((type === undefined) !== (id === undefined)) {
      throw parameterError(type === undefined ? 'backup-type' : 'backup-id', 'a group has a type and an id');
    }
    const group = type === undefined || id === undefined ? undefined : { type, id };
    if (group !== undefined) await checkGroup(call, target, group);
    const simulated = await simulate(target.store, {
      ns: target.ns,
      ...(group === undefined ? {} : { group }),
      ...(maxDepth === undefined ? {} : { maxDepth }),
      keep: keepOptionsOf(parameters),
      accept: groupFilter(call),
      asking: { waitMs: freedWaitMs, mayWrite: await mayWrite(call, parameters.store) },
      signal: call.signal,
    });
    const groups = simulated.map((one) => ({
      ns: formatNamespace(one.ns),
      'backup-type': one.group.type,
      'backup-id': one.group.id,
      ...sumsOf(one.decisions),
    }));
    return {
      ...sumsOf(simulated.flatMap(({ decisions }) => decisions)),
      groups,
      ...(group === undefined
        ? {}
        : { snapshots: simulated.flatMap(({ decisions }) => pruneItems(target.ns, decisions)) }),
    };
  }),
];

function sumsOf(decisions: Awaited<ReturnType<typeof simulate>>[number]['decisions']) {
  const removed = decisions.filter(({ mark }) => mark === 'remove');
  const known = removed.every(({ freedBytes }) => freedBytes !== undefined);
  return {
    kept: decisions.length - removed.length,
    removed: removed.length,
    ...(known ? { 'freed-bytes': removed.reduce((sum, { freedBytes = 0 }) => sum + freedBytes, 0) } : {}),
  };
}
