// A snapshot opened for reading: its session, its manifest with the key it needs, its archives by the names that
// users give (formats.md 1.2, 8.5, pxar.md 9.3).

import { GranaryError } from '../base/errors.ts';
import type { ReadAt } from '../base/io.ts';
import { findFile, type Manifest, manifestKeyFingerprint } from '../format/manifest.ts';
import type { BackupSnapshot } from '../model/backup.ts';
import { clientLogName, manifestName, storedArchiveName, userArchiveName } from '../model/names.ts';
import { PxarAccessor } from '../pxar/accessor.ts';
import type { PxarSource } from '../pxar/decoder.ts';
import type { ChunkReader } from '../reader/chunk-reader.ts';
import { ReaderClient } from '../reader/session-client.ts';
import type { H2Session } from '../wire/h2-client.ts';
import type { Connection } from './connection.ts';
import { type KeyEnvironment, type KeyOptions, loadKey } from './encryption-keys.ts';
import type { Repository } from './repository.ts';

export interface SnapshotOptions {
  connection: Connection;
  repository: Repository;
  ns: string;
  snapshot: BackupSnapshot;
  /** Where keys may come from; one is loaded only if it was given, or the snapshot needs it. */
  keyOptions: KeyOptions;
  keyEnvironment: KeyEnvironment;
  /** Memory for chunks; several threads are not worth their start for small things. */
  readerLimits?: { memory?: number; workers?: number };
}

/** A file archive, in one part or two. */
export interface TreeArchive {
  /** As errors name it. */
  readonly name: string;
  /** Bytes of all parts. */
  readonly size: number;
  readonly archive: ChunkReader;
  readonly payload: ChunkReader | undefined;
  /** From front to back. */
  source(signal: AbortSignal): PxarSource;
  /** Anywhere. */
  accessor(signal: AbortSignal): Promise<PxarAccessor>;
}

export class SnapshotReader implements AsyncDisposable {
  readonly manifest: Manifest;
  readonly reader: ReaderClient;
  readonly #session: H2Session;

  private constructor(manifest: Manifest, reader: ReaderClient, session: H2Session) {
    this.manifest = manifest;
    this.reader = reader;
    this.#session = session;
  }

  /** Opens the session and checks the manifest. The key itself is only demanded by what is read later. */
  static async open(o: SnapshotOptions): Promise<SnapshotReader> {
    const { snapshot, repository, ns, keyOptions } = o;
    const explicit = keyOptions.keyfile !== undefined || keyOptions.keyfd !== undefined;
    const given = explicit ? await loadKey(keyOptions, o.keyEnvironment) : undefined;
    const session = await o.connection.openSession('reader', {
      store: repository.store,
      ns: ns === '' ? undefined : ns,
      'backup-type': snapshot.type,
      'backup-id': snapshot.id,
      'backup-time': snapshot.time,
    });
    try {
      const limits = o.readerLimits ?? {};
      const first = new ReaderClient(session, { ...(given ? { crypt: given.crypt } : {}), limits });
      const manifest = await first.manifest();
      if (given || manifestKeyFingerprint(manifest) === undefined) return new SnapshotReader(manifest, first, session);
      const key = keyOptions['crypt-mode'] === 'none' ? undefined : await loadKey(keyOptions, o.keyEnvironment);
      if (!key) return new SnapshotReader(manifest, first, session);
      const reader = new ReaderClient(session, { crypt: key.crypt, limits });
      return new SnapshotReader(await reader.manifest(), reader, session);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** What a user's name stands for: one stored file, or the two parts of a split archive. Throws `not-found`. */
  resolve(name: string): { kind: 'file'; stored: string } | { kind: 'split'; archive: string; payload: string } {
    const stored = storedArchiveName(name);
    const special = stored === manifestName || stored === clientLogName;
    if (special || findFile(this.manifest, stored)) return { kind: 'file', stored };
    const base = /^(.*)\.pxar(?:\.didx)?$/.exec(name)?.[1];
    const [archive, payload] = [`${base}.mpxar.didx`, `${base}.ppxar.didx`];
    if (base !== undefined && findFile(this.manifest, archive) && findFile(this.manifest, payload)) {
      return { kind: 'split', archive, payload };
    }
    const known = this.archiveNames().join(', ');
    throw new GranaryError('not-found', `Unable to find archive '${name}' in the snapshot`, {
      details: { hint: `It has: ${known || 'nothing'}.` },
    });
  }

  /** The archives of the snapshot by the names that users give; a split one is one. */
  archiveNames(): string[] {
    const names = this.manifest.files.map((file) => userArchiveName(file.filename));
    return names.filter((name) => !name.endsWith('.ppxar')).map((name) => name.replace(/\.mpxar$/, '.pxar'));
  }

  /** Opens a file archive. Throws `usage` for an archive of another kind. */
  async openTree(name: string): Promise<TreeArchive> {
    const found = this.resolve(name);
    if (found.kind === 'file' && !/\.m?pxar\.didx$/.test(found.stored)) {
      throw new GranaryError('usage', `'${name}' is no file archive: it has no files inside`);
    }
    const archive = await this.reader.open(found.kind === 'file' ? found.stored : found.archive);
    const payload = found.kind === 'file' ? undefined : await this.reader.open(found.payload);
    const parts = (signal: AbortSignal) => ({ archiveName: archive.name, payloadName: payload?.name, signal });
    return {
      name,
      size: archive.size + (payload?.size ?? 0),
      archive,
      payload,
      source: (signal) => ({
        archive: archive.stream(0, archive.size, signal),
        ...(payload ? { payload: payload.stream(0, payload.size, signal) } : {}),
      }),
      accessor: (signal) => {
        const source: { archive: ReadAt; payload?: ReadAt } = payload ? { archive, payload } : { archive };
        return PxarAccessor.open(source, parts(signal));
      },
    };
  }

  /** The content of a small file: a blob, or the manifest itself. */
  async blob(stored: string): Promise<Uint8Array> {
    if (stored !== manifestName) return this.reader.blob(stored);
    const { serializeManifest } = await import('../format/manifest.ts');
    return serializeManifest(this.manifest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader[Symbol.asyncDispose]();
    await this.#session.close();
  }
}
