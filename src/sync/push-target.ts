// A datastore of another server as the target of a push: the calls that are made on it (sync.md 7).

import { GranaryError } from '../base/errors.ts';
import type { Connection } from '../client/connection.ts';
import type { AuthId } from '../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, formatNamespace, type Namespace } from '../model/backup.ts';
import type { H2Session } from '../wire/h2-client.ts';
import {
  groupOf,
  type ListedItem,
  listRemote,
  namespaceOf,
  nsParameter,
  remoteStorePath,
  snapshotTime,
} from './remote-listing.ts';

export interface TargetGroup extends BackupGroup {
  /** Undefined when the target does not tell. */
  readonly owner: AuthId | undefined;
}

export interface TargetSnapshot {
  /** Epoch seconds. */
  time: number;
  /** False while it is being written, and for ever when that broke off with the server. */
  finished: boolean;
  /** Kept from being removed. */
  protected: boolean;
}

/** What a removal has come to. */
export interface RemoteRemoval {
  groups: number;
  snapshots: number;
  protectedSnapshots: number;
}

/** `major.minor.release` */
type Version = readonly [number, number, number];
const oldestVersion: Version = [2, 2, 0];
/** From here on removals tell what they have come to, and what is protected can be no error. */
const tellingVersion: Version = [3, 2, 11];

/** What of a connection the calls need. */
type TargetConnection = Pick<Connection, 'call' | 'list' | 'openSession' | 'close'>;

export class PushTarget implements AsyncDisposable {
  /** As whom groups are made there. */
  readonly authId: AuthId;
  readonly store: string;
  readonly #connection: TargetConnection;
  readonly #tells: boolean;

  private constructor(connection: TargetConnection, store: string, authId: AuthId, tells: boolean) {
    this.#connection = connection;
    this.store = store;
    this.authId = authId;
    this.#tells = tells;
  }

  /**
   * The connection, held to the limits of the job, belongs to the target from now on. Throws `bad-request` when the
   * other server is too old.
   */
  static async open(connection: TargetConnection, store: string, authId: AuthId): Promise<PushTarget> {
    try {
      const version = parseVersion(await connection.call('GET', 'version'));
      if (isOlder(version, oldestVersion)) {
        throw new GranaryError('bad-request', 'Unsupported remote api version, minimum v2.2 required');
      }
      return new PushTarget(connection, store, authId, !isOlder(version, tellingVersion));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** All namespaces that may be seen. */
  async listNamespaces(): Promise<Namespace[]> {
    const namespaces: Namespace[] = [];
    for await (const item of this.#list('namespace', {})) namespaces.push(namespaceOf(item));
    return namespaces;
  }

  async createNamespace(parent: Namespace, name: string): Promise<void> {
    await this.#connection.call('POST', this.#path('namespace'), { name, parent: nsParameter(parent) });
  }

  /** In any order. Breaks off with an error: what came until then is not all. */
  async *listGroups(ns: Namespace): AsyncGenerator<TargetGroup> {
    // The root is named here, as the empty string.
    for await (const item of this.#list('groups', { ns: formatNamespace(ns) })) {
      const { owner } = item;
      yield { ...groupOf(item), owner: typeof owner === 'string' ? owner : undefined };
    }
  }

  async listSnapshots(ns: Namespace, group: BackupGroup): Promise<TargetSnapshot[]> {
    const snapshots: TargetSnapshot[] = [];
    for await (const item of this.#list('snapshots', { ...groupParameters(group), ns: nsParameter(ns) })) {
      const { size, protected: isProtected } = item;
      snapshots.push({
        time: snapshotTime(item, group),
        finished: typeof size === 'number',
        protected: isProtected === true,
      });
    }
    return snapshots;
  }

  /** A backup session on a connection of its own. */
  openBackup(ns: Namespace, snapshot: BackupSnapshot): Promise<H2Session> {
    return this.#connection.openSession('backup', {
      store: this.store,
      ns: nsParameter(ns),
      ...groupParameters(snapshot),
      'backup-time': snapshot.time,
      debug: false,
      benchmark: false,
    });
  }

  async removeSnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<void> {
    const parameters = { ...groupParameters(snapshot), 'backup-time': snapshot.time, ns: nsParameter(ns) };
    await this.#connection.call('DELETE', this.#path('snapshots'), parameters);
  }

  /** Undefined when the target does not tell what was removed. */
  removeGroup(ns: Namespace, group: BackupGroup): Promise<RemoteRemoval | undefined> {
    return this.#remove('groups', { ...groupParameters(group), ns: formatNamespace(ns) });
  }

  /** With all groups in it. Undefined when the target does not tell what was removed. */
  removeNamespace(ns: Namespace): Promise<RemoteRemoval | undefined> {
    return this.#remove('namespace', { ns: formatNamespace(ns), 'delete-groups': true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
  }

  #list(what: string, parameters: Record<string, unknown>): AsyncGenerator<ListedItem> {
    return listRemote(this.#connection, this.store, what, parameters);
  }

  #path(what: string): string {
    return remoteStorePath(this.store, what);
  }

  async #remove(what: string, parameters: Record<string, unknown>): Promise<RemoteRemoval | undefined> {
    const all = this.#tells ? { ...parameters, 'error-on-protected': false } : parameters;
    const data = await this.#connection.call('DELETE', this.#path(what), all);
    if (typeof data !== 'object' || data === null) return undefined;
    const count = (name: string): number => {
      const value = (data as Record<string, unknown>)[name];
      return typeof value === 'number' ? value : 0;
    };
    return {
      groups: count('removed-groups'),
      snapshots: count('removed-snapshots'),
      protectedSnapshots: count('protected-snapshots'),
    };
  }
}

function groupParameters({ type, id }: BackupGroup): Record<string, unknown> {
  return { 'backup-type': type, 'backup-id': id };
}

/** Throws `protocol` when the answer tells no version. */
function parseVersion(data: unknown): Version {
  const { version, release } = (data ?? {}) as { version?: unknown; release?: unknown };
  const [major, minor] = /^(\d+)\.(\d+)/.exec(String(version))?.slice(1) ?? [];
  if (major === undefined || minor === undefined) {
    throw new GranaryError('protocol', `the remote's version '${String(version)}' is none`);
  }
  return [Number(major), Number(minor), Number.parseInt(String(release), 10) || 0];
}

function isOlder(version: Version, than: Version): boolean {
  const at = version.findIndex((part, i) => part !== than[i]);
  return at >= 0 && version[at]! < than[at]!;
}
