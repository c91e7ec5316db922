// Who takes up the space: for each namespace, group and snapshot the bytes that its removal would free, and those that
// it shares. The door to accounting/ (docs/decisions/0006).
//
// The account is brought up to date when somebody asks, and by garbage collection, which measures every chunk anyway.
// Nothing is noted while a backup runs: what came and went is seen by looking, whoever did it. It runs in a thread of
// its own, keeps its files beside the datastore's, and its failures are nobody else's.

import { rmSync } from 'node:fs';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import { WorkerPool } from '../base/worker-pool.ts';
import { makeDirectorySync } from '../chunk-store/ownership.ts';
import { type BackupSnapshot, formatGroup, formatNamespace, formatSnapshot, type Namespace } from '../model/backup.ts';
import { lockFile } from '../os/file-lock.ts';
import { RecordCollector } from './accounting/digest-records.ts';
import { measuredWords } from './accounting/merge-part.ts';
import {
  type AccountingState,
  accountingDirectory,
  type GroupBytes,
  type NodeBytes,
  readState,
  stateMark,
} from './accounting/state.ts';
import type { UpdateRequest } from './accounting/update.ts';
import { makeLockDirectory } from './locks.ts';

export type { AccountingState, GroupBytes, NamespaceBytes, NodeBytes, SnapshotBytes } from './accounting/state.ts';

/**
 * `exact`: the figures are those of the datastore as it was when it was looked through a moment ago (`mayBeRecent`: or
 * minutes ago). `estimate`: they
 * are older, or an index could not be read. `unknown`: there are none yet.
 */
export type AccountQuality = 'exact' | 'estimate' | 'unknown';

export interface Account {
  quality: AccountQuality;
  /** Why it is not exact. */
  reason?: string;
  /** Absent when unknown. */
  state?: AccountingState;
}

/** A snapshot of a datastore. */
export interface StoredSnapshot {
  ns: Namespace;
  snapshot: BackupSnapshot;
}

export interface Asking {
  /** Milliseconds after which figures that are not up to date are good enough. */
  waitMs: number;
  /** False for a datastore that must not be changed: then older figures are the best. Default true. */
  mayWrite?: boolean;
  /**
   * For what is asked again and again: of thousands of snapshots, figures are good for some minutes. Looking through
   * them takes a tenth of a millisecond each, and is done a twentieth of the time at most.
   */
  mayBeRecent?: boolean;
}

export interface AccountingOptions {
  base: string;
  /** The directory of the datastore's locks. */
  lockDirectory: string;
  clock: Clock;
  /** 0 runs everything in the caller's thread. */
  threads: 0 | 1;
}

/** How many chunks may be measured one by one, outside of a collection. */
const mostUnmeasured = 100_000;
/** How long a collection waits for an update of another process. */
const collectionWaitMs = 600_000;
/** From how many snapshots on figures may be recent ones, and for how long. */
const manySnapshots = 2000;
const recentMsEach = 2;
const measureMemory = 4 * 1024 * 1024;

export class Accounting {
  readonly #options: AccountingOptions;
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #known: { mark: string; state: AccountingState } | undefined;
  /** When what was found last is no longer recent, epoch milliseconds. */
  #recentUntil = 0;

  constructor(options: AccountingOptions) {
    this.#options = options;
  }

  /** The figures, brought up to date unless that takes longer than `waitMs`; it goes on then. Never throws. */
  async account(o: Asking): Promise<Account> {
    if (o.mayBeRecent && this.#options.clock.now() < this.#recentUntil) return this.#describe(undefined);
    let reason: string | undefined;
    try {
      reason = await this.#refreshWithin(o);
    } catch (error) {
      reason = messageOf(error);
    }
    return this.#describe(reason);
  }

  /** The figures as they were found last. Changes nothing. Never throws. */
  lastAccount(): Account {
    return this.#describe('not brought up to date');
  }

  #describe(reason: string | undefined): Account {
    let state: AccountingState | undefined;
    try {
      state = this.#state();
    } catch (error) {
      return { quality: 'unknown', reason: messageOf(error) };
    }
    if (!state) return { quality: 'unknown', reason: reason ?? 'not counted yet' };
    const problem = state.groups
      .flatMap(({ snapshots }) => snapshots)
      .find((one) => one.problem !== undefined)?.problem;
    const why = reason ?? problem;
    return why === undefined ? { quality: 'exact', state } : { quality: 'estimate', reason: why, state };
  }

  #state(): AccountingState | undefined {
    const { base } = this.#options;
    const mark = stateMark(base);
    if (mark === undefined) return undefined;
    if (this.#known?.mark !== mark) {
      const state = readState(base);
      this.#known = state && { mark, state };
    }
    return this.#known?.state;
  }

  /** Why the account is not up to date; undefined when it is. */
  async #refreshWithin({ waitMs, mayWrite = true }: Asking): Promise<string | undefined> {
    this.#running ??= this.#update({ mostUnmeasured, mayWrite }, waitMs).finally(() => {
      this.#running = undefined;
    });
    // Whoever stops waiting does not stop it.
    this.#running.catch(() => {});
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('still being counted'), waitMs);
    });
    try {
      return await Promise.race([this.#running.then(() => undefined), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #update(request: UpdateRequirements, waitMs: number, signal?: AbortSignal): Promise<void> {
    const { base, lockDirectory, clock } = this.#options;
    makeLockDirectory(lockDirectory);
    const path = `${lockDirectory}/.accounting`;
    using lock = await lockFile(path, { mode: 'exclusive', waitMs, ...(signal ? { signal } : {}) });
    if (!lock) throw new GranaryError('locked', 'being counted by another process');
    await this.#run<void>('update', [{ base, now: epochSeconds(clock), ...request }], signal);
    const snapshots = this.#state()?.groups.reduce((sum, group) => sum + group.snapshots.length, 0) ?? 0;
    this.#recentUntil = snapshots < manySnapshots ? 0 : clock.now() + snapshots * recentMsEach;
  }

  /** Runs a function of the thread, which ends with it, or when it is told to. */
  async #run<T>(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<T> {
    await using pool = new WorkerPool({
      size: this.#options.threads,
      file: new URL('./accounting/accounting-worker.ts', import.meta.url),
      name: 'accounting',
    });
    const stopped = AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]);
    throwIfAborted(stopped);
    const stop = (): void => void pool[Symbol.asyncDispose]();
    stopped.addEventListener('abort', stop, { once: true });
    try {
      return await pool.run<T>(name, args);
    } finally {
      stopped.removeEventListener('abort', stop);
    }
  }

  /** Stops what is under way; nothing is counted from then on. */
  close(): void {
    this.#closed.abort();
  }

  /** For a garbage collection: takes what its sweep finds, and makes the account exact. */
  beginCollection(): CollectionAccount {
    const path = `${accountingDirectory(this.#options.base)}/measured.tmp`;
    return new CollectionAccount(path, this.#options.base, (request, signal) =>
      this.#update(request, collectionWaitMs, signal),
    );
  }

  /**
   * What the removal of snapshots would free, in that order: for each the bytes that go with it when those before it are
   * gone already. So the sum is exactly what all of them free. Undefined when that is not known, or not in time.
   */
  async freedBy(removed: readonly StoredSnapshot[], o: Asking): Promise<number[] | undefined> {
    const deadline = AbortSignal.timeout(o.waitMs);
    const { quality, state } = await this.account(o);
    if (quality !== 'exact' || !state) return undefined;
    const known = new Map<string, { ordinal: number; files: number }>();
    let ordinal = 0;
    for (const group of state.groups) {
      for (const { time, files } of group.snapshots) known.set(snapshotKey(group, time), { ordinal: ordinal++, files });
    }
    const found = removed.map(({ ns, snapshot }) => known.get(`${formatNamespace(ns)}:${formatSnapshot(snapshot)}`));
    const ordinals: number[] = [];
    for (const one of found) {
      if (!one) return undefined;
      ordinals.push(one.ordinal);
    }
    const asked = [this.#options.base, state.table, Uint32Array.from(ordinals)];
    const run = this.#run<Float64Array>('freed', asked, deadline);
    // A table that was replaced meanwhile is gone.
    const chunks = await run.catch(() => undefined);
    return chunks && found.map((one, i) => one!.files + chunks[i]!);
  }
}

/** The figures of groups, by namespace and name (`a/b:vm/100`), and of snapshots (`a/b:vm/100/TIME`). */
export function figuresByName(state: AccountingState): Map<string, NodeBytes> {
  const found = new Map<string, NodeBytes>();
  for (const group of state.groups) {
    const { ns, type, id } = group;
    if (type === 'stray') continue;
    found.set(`${ns}:${formatGroup({ type, id })}`, group);
    for (const snapshot of group.snapshots) found.set(snapshotKey(group, snapshot.time), snapshot);
  }
  return found;
}

function snapshotKey({ ns, type, id }: GroupBytes, time: number): string {
  return type === 'stray' ? '' : `${ns}:${formatSnapshot({ type, id, time })}`;
}

type UpdateRequirements = Omit<UpdateRequest, 'base' | 'now'>;
type Update = (request: UpdateRequirements, signal?: AbortSignal) => Promise<void>;

/** The part of a garbage collection in the account. Nothing of it throws. */
export class CollectionAccount implements Disposable {
  readonly #path: string;
  readonly #update: Update;
  #collector: RecordCollector | undefined;
  #failure: unknown;

  constructor(path: string, base: string, update: Update) {
    this.#path = path;
    this.#update = update;
    this.#attempt(() => {
      makeDirectorySync(accountingDirectory(base), 0o750);
      this.#collector = new RecordCollector(path, measuredWords, measureMemory);
    });
  }

  /** Takes chunks: records of nine 32-bit words, the digest and the bytes on disk. */
  readonly take = (records: Uint32Array): void => {
    this.#attempt(() => {
      for (let at = 0; at < records.length; at += measuredWords) this.#collector?.add(records, at);
    });
  };

  #attempt(action: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      action();
    } catch (error) {
      this.#failure = error;
    }
  }

  /** Makes the account exact; gives the text of what went wrong, undefined when nothing did. */
  async finish(signal?: AbortSignal): Promise<string | undefined> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const measured = this.#collector!.store();
      await this.#update({ measured, mostUnmeasured: 0, mayWrite: true }, signal);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  [Symbol.dispose](): void {
    this.#attempt(() => this.#collector?.[Symbol.dispose]());
    this.#attempt(() => rmSync(this.#path, { force: true }));
  }
}
