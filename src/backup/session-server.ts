// From the upgrade request to the end of the worker task: starts a backup session and judges how it ended
// (backup-protocol.md 2, 5.7 and 6).

import type { Duplex } from 'node:stream';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { BackupTransaction } from '../datastore/backup-transaction.ts';
import type { Datastore } from '../datastore/datastore.ts';
import {
  type BackupSnapshot,
  datastoreAclPath,
  formatGroup,
  type Namespace,
  parseNamespace,
  snapshotPath,
} from '../model/backup.ts';
import type { BackupType } from '../model/names.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { DatastoreUse, ServerContext } from '../wire/context.ts';
import type { H2Server } from '../wire/h2-server.ts';
import { checkUpgrade, type UpgradeRequest, upgradeToHttp2 } from '../wire/h2-upgrade.ts';
import { answerCalls, sessionEnd } from '../wire/session-calls.ts';
import { backupCalls, backupProtocol, rawBodyCalls } from './session.contract.ts';
import { BackupSession } from './session.ts';
import { startVerifyNew } from './verify-new.ts';

interface BackupTarget {
  use: DatastoreUse;
  store: Datastore;
  ns: Namespace;
  snapshot: BackupSnapshot;
  benchmark: boolean;
}

/**
 * Answers a request for a backup session. Throws before anything was answered when a check of
 * backup-protocol.md 2.2 fails; otherwise resolves when the 101 is out, and a worker task owns the connection.
 */
export async function startBackupSession(server: ServerContext, request: UpgradeRequest): Promise<void> {
  const target = await checkTarget(server, request);
  try {
    await startIn(server, request, target);
  } catch (error) {
    target.use[Symbol.dispose]();
    throw error;
  }
}

/** From here on the datastore is in use; the worker task ends the use once it has started. */
async function startIn(server: ServerContext, request: UpgradeRequest, target: BackupTarget): Promise<void> {
  const socket = checkUpgrade(request, backupProtocol);
  if (!(await target.store.namespaceExists(target.ns))) throw new GranaryError('not-found', 'namespace not found');
  checkBenchmark(target);
  const transaction = await target.store.beginBackup(target.ns, target.snapshot, {
    owner: request.authId,
    benchmark: target.benchmark,
  });
  const answered = Promise.withResolvers<void>();
  const type = target.benchmark ? 'benchmark' : 'backup';
  const id = `${target.store.name}:${formatGroup(target.snapshot)}`;
  try {
    await server.tasks.start({ type, id, authId: request.authId, peer: request.peer }, async (task) => {
      using _ = target.use;
      const session = new BackupSession(target.store, transaction, task, {
        debug: request.params['debug'] === true,
        noCache: request.params['no-cache'] === true,
      });
      task.log(startLine(type, target, request.peer));
      try {
        const failure = await runSession(server, request, session, socket, task, answered.resolve);
        await settle(target, session, transaction, task, failure);
      } finally {
        answered.resolve();
        await transaction[Symbol.asyncDispose]();
      }
      if (!target.benchmark && target.store.verifyNew) {
        await startVerifyNew(server, { ...target, store: target.store.name, authId: request.authId });
      }
    });
  } catch (error) {
    await transaction[Symbol.asyncDispose]();
    throw error;
  }
  await answered.promise;
}

async function checkTarget(server: ServerContext, { params, authId }: UpgradeRequest): Promise<BackupTarget> {
  const storeName = String(params['store']);
  const ns = parseNamespace(String(params['ns'] ?? ''));
  const path = datastoreAclPath(storeName, ns);
  if (!server.access.privileges(authId, path).has('Datastore.Backup')) {
    throw new GranaryError('permission-denied', `missing permissions 'Datastore.Backup' on '${path}'`);
  }
  const use = await server.datastores.use(storeName, 'write');
  return {
    use,
    store: use.datastore,
    ns,
    snapshot: snapshotOf(params),
    benchmark: params['benchmark'] === true,
  };
}

/** The snapshot that checked session parameters name. */
export function snapshotOf(params: Record<string, unknown>): BackupSnapshot {
  return {
    type: params['backup-type'] as BackupType,
    id: String(params['backup-id']),
    time: Number(params['backup-time']),
  };
}

function checkBenchmark({ snapshot, benchmark }: BackupTarget): void {
  const isBenchmarkGroup = snapshot.type === 'host' && snapshot.id === 'benchmark';
  if (isBenchmarkGroup && !benchmark) {
    throw new GranaryError('bad-request', 'unable to run benchmark without --benchmark flags');
  }
  if (benchmark && !isBenchmarkGroup) {
    throw new GranaryError('bad-request', "benchmark flags is only allowed on 'host/benchmark'");
  }
}

function startLine(type: string, { store, ns, snapshot }: BackupTarget, peer: string): string {
  const from = peer === '' ? '' : ` from ${peer}`;
  return `starting new ${type} on datastore '${store.name}'${from}: "${snapshotPath(ns, snapshot)}"`;
}

/** Answers the request, then the session's calls until the connection ends; why it did, unless that was in order. */
async function runSession(
  server: ServerContext,
  request: UpgradeRequest,
  session: BackupSession,
  socket: Duplex,
  task: WorkerTask,
  onAnswered: () => void,
): Promise<string | undefined> {
  const debug = request.params['debug'] === true;
  const service = {
    calls: backupCalls,
    handlers: session.handlers,
    rawBody: rawBodyCalls,
    log: (line: string) => task.log(line),
    debug,
    observe: (call: string, seconds: number) =>
      server.counters.observe('pbs_session_request_duration_seconds', { session: 'backup', call }, seconds),
  };
  let connection: H2Server;
  try {
    connection = await upgradeToHttp2(socket, request.head, backupProtocol, answerCalls(service));
  } catch (error) {
    return messageOf(error);
  }
  onAnswered();
  if (debug) task.log('protocol upgrade done');
  const abort = () => connection.drop();
  task.signal.addEventListener('abort', abort);
  if (task.signal.aborted) abort();
  const { error } = await sessionEnd(connection.closed);
  task.signal.removeEventListener('abort', abort);
  return task.signal.aborted ? 'task aborted' : error;
}

/** Keeps a finished backup, removes any other, and gives the task the result of backup-protocol.md 6. */
async function settle(
  target: BackupTarget,
  session: BackupSession,
  transaction: BackupTransaction,
  task: WorkerTask,
  failure: string | undefined,
): Promise<void> {
  const finished = await session.settled();
  if (target.benchmark) {
    await transaction[Symbol.asyncDispose]();
    task.log('benchmark finished successfully');
    return;
  }
  if (finished) {
    // After finish the peer may drop the connection as it likes.
    const harmless = failure === undefined || failure.startsWith('connection error');
    task.log(harmless ? 'backup finished successfully' : `backup had errors but finished: ${failure}`);
    return;
  }
  const text = failure ?? 'backup ended but finished state is not set.';
  task.log(failure === undefined ? `backup ended and finish failed: ${text}` : `backup failed: ${text}`);
  task.log(failure === undefined ? 'removing unfinished backup' : 'removing failed backup');
  try {
    await transaction[Symbol.asyncDispose]();
  } catch (error) {
    task.log(`removing the snapshot failed: ${messageOf(error)}`);
  }
  throw new GranaryError('connection', text);
}
