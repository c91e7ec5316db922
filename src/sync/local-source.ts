// A datastore of this server as a source: of a pull between two of them, and of every push (sync.md 3, 4 and 6).

import { GranaryError } from '../base/errors.ts';
import { collect, mapOrdered } from '../base/streams.ts';
import type { Datastore } from '../datastore/datastore.ts';
import type { SnapshotInfo } from '../datastore/snapshots.ts';
import { type AuthId, ownerMatches } from '../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, datastoreAclPath, type Namespace } from '../model/backup.ts';
import type { Privilege } from '../model/privileges.ts';
import type { FileLock } from '../os/file-lock.ts';
import { isEncryptedSnapshot, type SourceReader, type SourceSnapshot, type SyncSource } from './source.ts';

/** What of access control a run needs: what somebody may do on a path. */
export type PrivilegesOn = (authId: AuthId, path: string) => ReadonlySet<Privilege>;

/** Groups that are looked at at once. */
const parallelReads = 16;

/** How far somebody reads a namespace: all groups, those that are theirs, or nothing. */
type Reach = 'all' | 'owned' | 'nothing';

export class LocalSource implements SyncSource {
  readonly datastore: Datastore;
  readonly #reader: AuthId;
  readonly #privileges: PrivilegesOn;

  /** Shows what `reader` may read. The datastore has to stay in use for as long as the source is. */
  constructor(datastore: Datastore, reader: AuthId, privileges: PrivilegesOn) {
    this.datastore = datastore;
    this.#reader = reader;
    this.#privileges = privileges;
  }

  async listNamespaces(anchor: Namespace, maxDepth: number | undefined): Promise<Namespace[]> {
    if (!(await this.datastore.namespaceExists(anchor))) {
      throw new GranaryError(
        'not-found',
        `namespace '${anchor.join('/')}' of datastore '${this.datastore.name}' not found`,
      );
    }
    const namespaces = await this.datastore.listNamespaces(anchor, maxDepth);
    await this.datastore.requirePresent();
    return namespaces.filter((ns) => this.#reach(ns) !== 'nothing');
  }

  async *listGroups(ns: Namespace): AsyncGenerator<BackupGroup> {
    const reach = this.#reach(ns);
    if (reach === 'nothing') return;
    const visible = async (group: BackupGroup): Promise<BackupGroup | undefined> => {
      if (reach === 'owned' && !(await this.#ownsGroup(ns, group))) return undefined;
      return (await this.datastore.snapshotTimes(ns, group)).length > 0 ? group : undefined;
    };
    for await (const group of mapOrdered(this.datastore.eachGroup(ns), parallelReads, visible)) {
      if (group) yield group;
    }
    // Without its file system there would be none, and every copy would have to go.
    await this.datastore.requirePresent();
  }

  async listSnapshots(ns: Namespace, group: BackupGroup): Promise<SourceSnapshot[]> {
    const snapshots = await this.datastore.listGroupSnapshots(ns, group);
    await this.datastore.requirePresent();
    return snapshots.map(sourceSnapshot);
  }

  async openSnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<LocalReader | undefined> {
    const reach = this.#reach(ns);
    // One that is gone has no owner any more, and is no failure.
    if (reach !== 'nothing' && !(await this.datastore.snapshotExists(ns, snapshot))) return undefined;
    const allowed = reach === 'all' || (reach === 'owned' && this.#owns(await this.datastore.readOwner(ns, snapshot)));
    if (!allowed) throw new GranaryError('permission-denied', 'backup owner check failed!');
    const lock = await this.datastore.lockSnapshotShared(ns, snapshot);
    return new LocalReader(this.datastore, ns, snapshot, lock);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #reach(ns: Namespace): Reach {
    const granted = this.#privileges(this.#reader, datastoreAclPath(this.datastore.name, ns));
    return granted.has('Datastore.Read') ? 'all' : granted.has('Datastore.Backup') ? 'owned' : 'nothing';
  }

  async #ownsGroup(ns: Namespace, group: BackupGroup): Promise<boolean> {
    try {
      return this.#owns(await this.datastore.readOwner(ns, group));
    } catch (error) {
      // Whose it is cannot be told, so it is nobody's.
      if (error instanceof GranaryError) return false;
      throw error;
    }
  }

  #owns(owner: AuthId | undefined): boolean {
    return owner !== undefined && ownerMatches(owner, this.#reader);
  }
}

function sourceSnapshot(info: SnapshotInfo): SourceSnapshot {
  return {
    time: info.time,
    finished: info.size !== undefined,
    size: info.size ?? 0,
    verified: info.verification?.state === 'ok',
    encrypted: isEncryptedSnapshot(info.files.map(({ filename, cryptMode }) => [filename, cryptMode])),
  };
}

/** A snapshot under its shared lock. */
export class LocalReader implements SourceReader {
  readonly #datastore: Datastore;
  readonly #ns: Namespace;
  readonly #snapshot: BackupSnapshot;
  readonly #lock: FileLock;

  constructor(datastore: Datastore, ns: Namespace, snapshot: BackupSnapshot, lock: FileLock) {
    this.#datastore = datastore;
    this.#ns = ns;
    this.#snapshot = snapshot;
    this.#lock = lock;
  }

  async file(name: string, limit: number): Promise<Uint8Array | undefined> {
    try {
      const content = await this.#datastore.readFile(this.#ns, this.#snapshot, name);
      return content instanceof Uint8Array ? content : await collect(content, limit, name);
    } catch (error) {
      if (error instanceof GranaryError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async chunk(digest: Uint8Array, room: Uint8Array): Promise<number> {
    await using chunk = await this.#datastore.chunks.openChunk(digest);
    if (chunk.size > room.byteLength) {
      throw new GranaryError('blob-invalid', `chunk of ${chunk.size} bytes is longer than its index says`);
    }
    await chunk.read(room.subarray(0, chunk.size), 0);
    return chunk.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock.release();
  }
}
