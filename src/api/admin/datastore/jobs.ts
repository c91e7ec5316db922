// Work on a datastore's content that runs as a task: prune and verify.

import { GranaryError, messageOf } from '../../../base/errors.ts';
import { DatastoreConfig } from '../../../config/datastore-config.ts';
import { verificationThreads } from '../../../config/datastore-schema.ts';
import {
  addFreedBytes,
  namespaceText,
  pruneDatastore as pruneAll,
  pruneGroup as pruneOne,
} from '../../../datastore/prune.ts';
import {
  formatKeepOptions,
  hasKeepOptions,
  type KeepOptions,
  keepOptionsOf,
  type PruneCandidate,
  type Pruned,
} from '../../../datastore/retention.ts';
import { Verification } from '../../../datastore/verify.ts';
import { type AuthId, ownerMatches } from '../../../model/auth-id.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  formatNamespace,
  formatSnapshot,
  type Namespace,
  snapshotPath,
} from '../../../model/backup.ts';
import type { BackupType } from '../../../model/names.ts';
import type { WorkerTask } from '../../../task/task-registry.ts';
import { callerOf } from '../../../wire/authorize.ts';
import type { CallContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { parameterError } from '../../../wire/parameters.ts';
import { mayWrite } from './accounting.ts';
import { pruneDatastore, pruneGroup, verifyBackups } from './jobs.contract.ts';
import { checkGroup, groupOf, openTarget, type Target } from './target.ts';

/** How long a dry run waits to know what it would free, milliseconds. */
const freedWaitMs = 3_000;

type Decisions = Pruned<BackupSnapshot & PruneCandidate>[];

export const jobEndpoints = [
  implement(pruneGroup, async (parameters, call) => {
    const keep = keepOptionsOf(parameters);
    const dryRun = parameters['dry-run'] === true || !hasKeepOptions(keep);
    const target = await openTarget(call, parameters, dryRun ? 'read' : 'write');
    const group = groupOf(parameters);
    await checkGroup(call, target, group);
    if (dryRun) {
      const decisions = await pruneOne(target.store, target.ns, group, { keep, dryRun });
      const asking = { waitMs: freedWaitMs, mayWrite: await mayWrite(call, parameters.store) };
      await addFreedBytes(target.store, target.ns, decisions, asking);
      return pruneItems(target.ns, decisions);
    }
    let decisions: Decisions = [];
    const id = `${parameters.store}:${formatNamespace(target.ns)}:${formatGroup(group)}`;
    const task = await startTask(call, 'prune', id, parameters.store, async (worker) => {
      decisions = await runPrune(target, group, keep, worker);
    });
    if (parameters['use-task'] === true) return task.upid;
    const status = await task.done;
    if (status !== 'OK' && !status.startsWith('WARNINGS')) throw new GranaryError('bad-request', status);
    return pruneItems(target.ns, decisions);
  }),

  implement(pruneDatastore, async (parameters, call) => {
    const { store, ns } = await openTarget(call, parameters, 'write');
    const id = `${parameters.store}:${formatNamespace(ns)}`;
    const accept = groupFilter(call);
    const task = await startTask(call, 'prune', id, parameters.store, (worker) =>
      pruneAll(store, {
        ns,
        ...(parameters['max-depth'] === undefined ? {} : { maxDepth: parameters['max-depth'] }),
        keep: keepOptionsOf(parameters),
        dryRun: parameters['dry-run'] ?? false,
        accept,
        log: (line) => worker.log(line),
        warn: (line) => worker.warn(line),
        signal: worker.signal,
      }),
    );
    return task.upid;
  }),

  implement(verifyBackups, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const what = verifyTarget(parameters);
    if (what !== undefined) await checkGroup(call, target, what);
    const { type, id } = verifyTask(parameters.store, target.ns, what);
    const accept = groupFilter(call);
    const { 'outdated-after': outdatedAfter, 'max-depth': maxDepth } = parameters;
    const task = await startTask(call, type, id, parameters.store, async (worker) => {
      const { tuning } = new DatastoreConfig(call.server.directories).get(parameters.store).data;
      const run = new Verification(target.store, {
        upid: worker.upid,
        log: (line) => worker.log(line),
        ignoreVerified: parameters['ignore-verified'] ?? true,
        ...(outdatedAfter === undefined ? {} : { outdatedAfter }),
        threads: verificationThreads(parameters, tuning),
        clock: call.server.clock,
        signal: worker.signal,
      });
      run.conclude(await verify(run, target.ns, what, { ...(maxDepth === undefined ? {} : { maxDepth }), accept }));
    });
    return task.upid;
  }),
];

/** Starts a task that counts among the datastore's operations until it ends; all but verifications write. */
export async function startTask(
  call: CallContext,
  type: string,
  id: string,
  store: string,
  work: (task: WorkerTask) => Promise<void>,
): Promise<WorkerTask> {
  const kind = type.startsWith('verify') ? 'read' : 'write';
  return await call.server.tasks.start({ type, id, authId: callerOf(call), peer: call.peer }, async (task) => {
    using _use = await call.server.datastores.use(store, kind);
    await work(task);
  });
}

/** Where the caller reaches owned groups only: those. */
export function groupFilter(call: CallContext) {
  const caller = callerOf(call);
  return (_ns: Namespace, _group: BackupGroup, owner: AuthId | undefined): boolean =>
    call.reach === 'all' || (owner !== undefined && ownerMatches(owner, caller));
}

async function runPrune(
  { store, ns }: Target,
  group: BackupGroup,
  keep: KeepOptions,
  task: WorkerTask,
): Promise<Decisions> {
  task.log(`retention options: ${formatKeepOptions(keep)}`);
  task.log(`Starting prune on datastore '${store.name}', ${namespaceText(ns)} group "${formatGroup(group)}"`);
  return await pruneOne(store, ns, group, {
    keep,
    signal: task.signal,
    onDecision: ({ snapshot, mark }) => task.log(`${formatSnapshot(snapshot)} ${mark}`),
    onFailure: (snapshot, error) => task.warn(`failed to remove ${formatSnapshot(snapshot)}: ${messageOf(error)}`),
  });
}

/** Decisions as answers tell them. */
export function pruneItems(ns: Namespace, decisions: Decisions) {
  return decisions.map(({ snapshot, mark, reason, freedBytes }) => ({
    'backup-type': snapshot.type,
    'backup-id': snapshot.id,
    'backup-time': snapshot.time,
    keep: mark !== 'remove',
    protected: snapshot.protected,
    mark,
    reason,
    ...(freedBytes === undefined ? {} : { 'freed-bytes': freedBytes }),
    ...(ns.length === 0 ? {} : { ns: formatNamespace(ns) }),
  }));
}

type VerifyTarget = BackupGroup & { time?: number };

/** The group or snapshot that the parameters name; undefined for everything. */
function verifyTarget(parameters: {
  'backup-type'?: BackupType;
  'backup-id'?: string;
  'backup-time'?: number;
}): VerifyTarget | undefined {
  const { 'backup-type': type, 'backup-id': id, 'backup-time': time } = parameters;
  if (type === undefined && id === undefined && time === undefined) return undefined;
  if (type === undefined) throw parameterError('backup-type', 'parameter is missing and it is not optional.');
  if (id === undefined) throw parameterError('backup-id', 'parameter is missing and it is not optional.');
  return { type, id, ...(time === undefined ? {} : { time }) };
}

function verifyTask(store: string, ns: Namespace, what: VerifyTarget | undefined): { type: string; id: string } {
  const nsPath = formatNamespace(ns);
  if (what === undefined) return { type: 'verify', id: nsPath === '' ? store : `${store}:${nsPath}` };
  const group = `${store}:${nsPath}/${formatGroup(what)}`;
  if (what.time === undefined) return { type: 'verify_group', id: group };
  return { type: 'verify_snapshot', id: `${group}/${what.time.toString(16).toUpperCase().padStart(8, '0')}` };
}

/** The names of what failed. */
async function verify(
  run: Verification,
  ns: Namespace,
  what: VerifyTarget | undefined,
  all: { maxDepth?: number; accept: ReturnType<typeof groupFilter> },
): Promise<string[]> {
  if (what === undefined) return await run.verifyDatastore({ ns, ...all });
  if (what.time === undefined) return await run.verifyGroup(ns, what);
  const snapshot = { ...what, time: what.time };
  return (await run.verifySnapshot(ns, snapshot)) ? [] : [snapshotPath(ns, snapshot)];
}
