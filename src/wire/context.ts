// What every handler is given: the server's rooms, and the facts of the one call.
// Interfaces only; daemon/ builds them, tests build their own.

import type { AccessControl } from '../access/access-control.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import type { Datastore } from '../datastore/datastore.ts';
import type { Machine } from '../machine/machine.ts';
import type { MetricsReader } from '../metrics/metrics-reader.ts';
import type { ServerCounters } from '../metrics/server-counters.ts';
import type { AuthId } from '../model/auth-id.ts';
import type { TaskRegistry } from '../task/task-registry.ts';
import type { UpgradeRequest } from './h2-upgrade.ts';

/** What a caller wants of a datastore; maintenance modes allow or refuse it (config-and-tasks.md 9). */
export type DatastoreOperation = 'read' | 'write' | 'lookup';

/** A datastore in use: counted among the store's active operations until it is disposed of. */
export interface DatastoreUse extends Disposable {
  readonly datastore: Datastore;
}

export interface DatastoreRegistry {
  /**
   * The open datastore of that name. Throws `bad-request` (`no such datastore 'X'`) or `maintenance`, also when it is
   * on a removable device that is not mounted.
   * The default operation is `read`.
   */
  get(name: string, operation?: DatastoreOperation): Promise<Datastore>;
  /** As `get`, for an operation that lasts: a session or a task. */
  use(name: string, operation: 'read' | 'write'): Promise<DatastoreUse>;
  /** Closes what this process has open of a datastore and no call needs, so that its device can be taken away. */
  letGo(name: string): Promise<void>;
  /** Running operations of all processes. */
  activeOperations(name: string): Promise<{ read: number; write: number }>;
  /** Every configured name, sorted. */
  names(): Promise<string[]>;
}

/** `version` is major.minor, `release` the patch level (rest-api.md 7.1). */
export interface ServerVersion {
  version: string;
  release: string;
  repoid: string;
}

/** The server's rooms, shared by all calls of one process. */
export interface ServerContext {
  readonly directories: Directories;
  readonly access: AccessControl;
  readonly tasks: TaskRegistry;
  readonly audit: AuditLog;
  readonly datastores: DatastoreRegistry;
  /** The machine that the server runs on. */
  readonly machine: Machine;
  readonly metrics: MetricsReader;
  /** What this process counts while it works, and the sum over all. */
  readonly counters: ServerCounters;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: ServerVersion;
  /** Short host name, the node of task identifiers. */
  readonly node: string;
}

/** How far a caller's rights on a datastore reach: every group, or only the groups that the caller owns. */
export type DatastoreReach = 'all' | 'owned';

/** The facts of one call. */
export interface CallContext {
  readonly server: ServerContext;
  /** Absent only for calls that the world may make. */
  readonly authId?: AuthId;
  /** Address of the other side as logs show it: `::ffff:127.0.0.1`. */
  readonly peer: string;
  readonly peerPort: number;
  /** When the request came, milliseconds of the clock. */
  readonly startedAt: number;
  /** Aborted when the other side goes away. */
  readonly signal: AbortSignal;
  /** The raw body; only calls declared as `upload` may read it. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly requestHeaders: Readonly<Record<string, string | string[] | undefined>>;
  /** Set for endpoints with access of kind `datastore`. */
  readonly reach?: DatastoreReach;
  /** Puts a sibling of `data` into the answer: `digest`, `total`. */
  setAttribute(name: string, value: unknown): void;
  /** Adds a header to the answer. */
  setHeader(name: string, value: string): void;
}

/** An answer that a `download` endpoint writes itself. */
export interface ByteAnswer {
  contentType: string;
  headers?: Readonly<Record<string, string>>;
  /** Bytes of the whole body, when known. */
  length?: number;
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Starts a session. A `GranaryError` thrown before the 101 was written is answered over plain HTTP by the caller;
 * after the 101 the handler owns the socket and its errors. Resolves as soon as the session runs.
 */
export type UpgradeHandler = (server: ServerContext, request: UpgradeRequest) => Promise<void>;
