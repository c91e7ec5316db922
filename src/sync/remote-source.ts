// A datastore of another server as a source: its listings over the REST API, its files and chunks over reader
// sessions, one for each snapshot (sync.md 5).

import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { collect } from '../base/streams.ts';
import type { Connection } from '../client/connection.ts';
import { type BackupGroup, type BackupSnapshot, formatNamespace, type Namespace } from '../model/backup.ts';
import type { H2Session } from '../wire/h2-client.ts';
import { groupOf, type ListedItem, listRemote, namespaceOf, nsParameter, snapshotTime } from './remote-listing.ts';
import { isEncryptedSnapshot, type SourceReader, type SourceSnapshot, type SyncSource } from './source.ts';

export class RemoteSource implements SyncSource {
  readonly #connection: Connection;
  readonly #store: string;

  /** The connection, held to the limits of the job, belongs to the source from now on. */
  constructor(connection: Connection, store: string) {
    this.#connection = connection;
    this.#store = store;
  }

  async listNamespaces(anchor: Namespace, maxDepth: number | undefined): Promise<Namespace[]> {
    const parent = anchor.length === 0 ? undefined : formatNamespace(anchor);
    const namespaces: Namespace[] = [];
    for await (const item of this.#list('namespace', { 'max-depth': maxDepth, parent })) {
      namespaces.push(namespaceOf(item));
    }
    return namespaces;
  }

  async *listGroups(ns: Namespace): AsyncGenerator<BackupGroup> {
    for await (const item of this.#list('groups', { ns: nsParameter(ns) })) yield groupOf(item);
  }

  async listSnapshots(ns: Namespace, group: BackupGroup): Promise<SourceSnapshot[]> {
    const parameters = { 'backup-type': group.type, 'backup-id': group.id, ns: nsParameter(ns) };
    const snapshots: SourceSnapshot[] = [];
    for await (const item of this.#list('snapshots', parameters)) {
      snapshots.push(snapshotOf(item, group));
    }
    return snapshots;
  }

  async openSnapshot(ns: Namespace, snapshot: BackupSnapshot): Promise<SourceReader | undefined> {
    try {
      const session = await this.#connection.openSession('reader', {
        store: this.#store,
        ns: nsParameter(ns),
        'backup-type': snapshot.type,
        'backup-id': snapshot.id,
        'backup-time': snapshot.time,
        debug: true,
      });
      return new SessionReader(session);
    } catch (error) {
      if (error instanceof GranaryError && / does not exist\.$/.test(error.message)) return undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
  }

  #list(what: string, parameters: Record<string, unknown>): AsyncGenerator<ListedItem> {
    return listRemote(this.#connection, this.#store, what, parameters);
  }
}

function snapshotOf(item: ListedItem, group: BackupGroup): SourceSnapshot {
  const { size, verification, files } = item;
  const state = (verification as { state?: unknown } | null | undefined)?.state;
  return {
    time: snapshotTime(item, group),
    finished: typeof size === 'number',
    size: typeof size === 'number' ? size : 0,
    verified: state === 'ok',
    encrypted:
      Array.isArray(files) &&
      isEncryptedSnapshot((files as ListedFile[]).map(({ filename, 'crypt-mode': mode }) => [filename, mode])),
  };
}

interface ListedFile {
  filename?: unknown;
  'crypt-mode'?: unknown;
}

class SessionReader implements SourceReader {
  readonly #session: H2Session;

  constructor(session: H2Session) {
    this.#session = session;
  }

  async file(name: string, limit: number): Promise<Uint8Array | undefined> {
    try {
      const parts = await this.#session.download('download', { 'file-name': name });
      return await collect(parts, limit, name);
    } catch (error) {
      if (error instanceof GranaryError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  chunk(digest: Uint8Array, room: Uint8Array, signal?: AbortSignal): Promise<number> {
    return this.#session.downloadInto('chunk', { digest: toHex(digest) }, room, signal ? { signal } : {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session.close();
  }
}
