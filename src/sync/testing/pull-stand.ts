// A pull between two datastores of a test, with a source that counts what is asked of it and fails on demand.

import type { Clock } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import type { CryptConfig } from '../../crypto/crypt-config.ts';
import { type TemporaryStore, temporaryStore } from '../../datastore/testing/temporary-store.ts';
import type { AuthId } from '../../model/auth-id.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  formatNamespace,
  formatSnapshot,
  type Namespace,
} from '../../model/backup.ts';
import { parseGroupFilter } from '../../model/group-filter.ts';
import { type Privilege, privileges } from '../../model/privileges.ts';
import { ChunkCrypt } from '../chunk-crypt.ts';
import { LocalSource, type PrivilegesOn } from '../local-source.ts';
import type { SyncParameters } from '../parameters.ts';
import { pull } from '../pull.ts';
import { pullMemory } from '../pull-chunks.ts';
import type { SourceReader, SourceSnapshot, SyncSource } from '../source.ts';
import { SyncStatistics } from '../statistics.ts';

export const everything: PrivilegesOn = () => new Set<Privilege>(privileges);

/** What a fault may do to a call: throw, or change what it gives. */
export interface Faults {
  namespaces?: () => void;
  groups?: (ns: Namespace) => void;
  snapshots?: (list: SourceSnapshot[], group: BackupGroup) => SourceSnapshot[];
  open?: (snapshot: BackupSnapshot) => 'gone' | undefined;
  file?: (name: string, raw: Uint8Array | undefined) => Uint8Array | undefined;
  /** `count` is how many chunks were asked for before. */
  chunk?: (blob: Uint8Array, count: number) => Uint8Array;
}

/** Calls as they were made: `groups`, `file index.json.blob`, `chunk`. */
export class SpySource implements SyncSource {
  readonly calls: string[] = [];
  readonly #inner: SyncSource;
  readonly #faults: Faults;

  constructor(inner: SyncSource, faults: Faults = {}) {
    this.#inner = inner;
    this.#faults = faults;
  }

  /** How often each call was made. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const call of this.calls) counts[call] = (counts[call] ?? 0) + 1;
    return counts;
  }

  async listNamespaces(anchor: Namespace, maxDepth: number | undefined): Promise<Namespace[]> {
    this.calls.push('namespaces');
    this.#faults.namespaces?.();
    return await this.#inner.listNamespaces(anchor, maxDepth);
  }

  async *listGroups(ns: Namespace): AsyncGenerator<BackupGroup> {
    this.calls.push('groups');
    // As a listing that breaks off: something has come before.
    yield* this.#inner.listGroups(ns);
    this.#faults.groups?.(ns);
  }

  async listSnapshots(ns: Namespace, group: BackupGroup): Promise<SourceSnapshot[]> {
    this.calls.push('snapshots');
    const list = await this.#inner.listSnapshots(ns, group);
    return this.#faults.snapshots?.(list, group) ?? list;
  }

  async openSnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<SourceReader | undefined> {
    this.calls.push('open');
    if (this.#faults.open?.(snapshot) === 'gone') return undefined;
    const reader = await this.#inner.openSnapshot(ns, snapshot);
    if (!reader) return undefined;
    const { calls } = this;
    const faults = this.#faults;
    return {
      async file(name, limit) {
        calls.push(`file ${name}`);
        const raw = await reader.file(name, limit);
        return faults.file ? faults.file(name, raw) : raw;
      },
      async chunk(digest, room, signal) {
        const count = calls.filter((call) => call === 'chunk').length;
        calls.push('chunk');
        const length = await reader.chunk(digest, room, signal);
        const blob = faults.chunk?.(Uint8Array.from(room.subarray(0, length)), count);
        if (!blob) return length;
        room.set(blob);
        return blob.length;
      },
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export type Wish = Partial<Omit<SyncParameters, 'groupFilter'>> & { groupFilter?: string[] };

export interface PullResult {
  lines: string[];
  warnings: string[];
  /** The text of the error that ended it. */
  error: string | undefined;
  calls: string[];
  counts: Record<string, number>;
  statistics: SyncStatistics;
}

/** Two datastores, and pulls from the first to the second. */
export class PullStand implements AsyncDisposable {
  readonly source: TemporaryStore;
  readonly target: TemporaryStore;

  private constructor(source: TemporaryStore, target: TemporaryStore) {
    this.source = source;
    this.target = target;
  }

  static async make(options: { fixture?: boolean } = {}): Promise<PullStand> {
    return new PullStand(await temporaryStore(options), await temporaryStore());
  }

  /** Pulls between stores of another stand, which stay that one's. */
  static between(source: TemporaryStore, target: TemporaryStore): PullStand {
    const none = { [Symbol.asyncDispose]: async () => {} };
    return new PullStand({ ...source, ...none }, { ...target, ...none });
  }

  async pull(
    wish: Wish = {},
    o: {
      faults?: Faults;
      privileges?: PrivilegesOn;
      signal?: AbortSignal;
      backwards?: boolean;
      keys?: readonly CryptConfig[];
      clock?: Clock;
    } = {},
  ): Promise<PullResult> {
    const owner: AuthId = wish.owner ?? 'admin@pbs';
    const may = o.privileges ?? everything;
    const [from, to] = o.backwards ? [this.target, this.source] : [this.source, this.target];
    const source = new SpySource(new LocalSource(from.store, owner, everything), o.faults);
    const statistics = new SyncStatistics();
    const lines: string[] = [];
    const warnings: string[] = [];
    const log = {
      log: (line: string) => void lines.push(line),
      warn: (line: string) => {
        lines.push(line);
        warnings.push(line);
      },
    };
    const { groupFilter = [], ...rest } = wish;
    const parameters: SyncParameters = {
      store: 'target',
      ns: [],
      remote: 'other',
      remoteStore: 'source',
      remoteNs: [],
      owner,
      maxDepth: undefined,
      removeVanished: false,
      transferLast: undefined,
      resyncCorrupt: false,
      encryptedOnly: false,
      verifiedOnly: false,
      workerThreads: 1,
      limits: {},
      decryptionKeys: [],
      encryptionKey: undefined,
      ...rest,
      groupFilter: groupFilter.map(parseGroupFilter),
    };
    const { keys } = o;
    await using decryption = keys && new ChunkCrypt({ keys, memory: pullMemory(), threads: 0 });
    let error: string | undefined;
    try {
      await pull({
        parameters,
        source,
        target: to.store,
        sameChunks: false,
        privileges: may,
        decryption,
        statistics,
        log,
        signal: o.signal ?? new AbortController().signal,
        clock: o.clock ?? { now: () => 0 },
      });
    } catch (thrown) {
      if (!(thrown instanceof GranaryError)) throw thrown;
      error = thrown.message;
    }
    return { lines, warnings, error, calls: source.calls, counts: source.counts, statistics };
  }

  /** All finished snapshots of a side, `ns:type/id/TIME`. */
  async snapshots(side: TemporaryStore = this.target): Promise<string[]> {
    const names: string[] = [];
    for (const ns of await side.store.listNamespaces([])) {
      for (const snapshot of await side.store.listSnapshots(ns)) {
        const state = snapshot.finished ? '' : ' unfinished';
        names.push(`${formatNamespace(ns)}:${formatSnapshot(snapshot)}${state}`);
      }
    }
    return names;
  }

  async groups(side: TemporaryStore = this.target): Promise<string[]> {
    const names: string[] = [];
    for (const ns of await side.store.listNamespaces([])) {
      for (const group of await side.store.groupNames(ns)) names.push(`${formatNamespace(ns)}:${formatGroup(group)}`);
    }
    return names;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await this.target[Symbol.asyncDispose]();
  }
}
