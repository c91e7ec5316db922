// The client side of a backup session: its calls with types, one method each (backup-protocol.md 5).
// What to upload when is decided by client/upload; this file only knows the wire's names.

import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { collect } from '../base/streams.ts';
import type { H2Session } from '../wire/h2-client.ts';

/** Most digests in one PUT: what the original client sends, well below what servers accept. */
export const maxAppend = 64;
/** Longest file of the previous snapshot that is read: an index of more than ten million chunks. */
const maxPrevious = 512 * 1024 * 1024;

export type IndexKind = 'dynamic' | 'fixed';

/** An index that is being written on the server. */
export interface IndexHandle {
  readonly kind: IndexKind;
  readonly wid: number;
  /** Whether entries may be named in any order: those of a fixed index whose size is known. */
  readonly anyOrder: boolean;
}

export interface ChunkUpload {
  digest: Uint8Array;
  /** Bytes of content. */
  size: number;
  /** The encoded chunk, in parts; it must not change before the call has settled. */
  body: readonly Uint8Array[];
}

export interface IndexEntry {
  /** Where the chunk starts in the archive. */
  offset: number;
  digest: Uint8Array;
}

/** Every method rejects with the server's text when it refuses. */
export class BackupWriter {
  readonly session: H2Session;

  constructor(session: H2Session) {
    this.session = session;
  }

  /** Epoch seconds of the snapshot that this one may build on; undefined: there is none. */
  async previousBackupTime(): Promise<number | undefined> {
    const data = await this.session.request('GET', 'previous_backup_time');
    if (data === null || Number.isInteger(data)) return typeof data === 'number' ? data : undefined;
    throw new GranaryError('protocol', `previous_backup_time is '${data}'`);
  }

  /** A stored file of the previous snapshot. Of an index, all chunks are known to the server from then on. */
  async previous(storedName: string): Promise<Uint8Array> {
    const parts = await this.session.download('previous', { 'archive-name': storedName });
    return collect(parts, maxPrevious, `previous ${storedName}`);
  }

  /** Stores an encoded blob under its stored name (`host.conf.blob`). */
  async uploadBlob(storedName: string, raw: Uint8Array): Promise<void> {
    const query = { 'encoded-size': raw.byteLength, 'file-name': storedName };
    await this.session.request('POST', 'blob', { query, body: raw });
  }

  async createDynamicIndex(storedName: string): Promise<IndexHandle> {
    const wid = await this.session.request('POST', 'dynamic_index', { query: { 'archive-name': storedName } });
    return { kind: 'dynamic', wid: writerId(wid), anyOrder: false };
  }

  /**
   * `size` is the image's, undefined when it is not known yet (servers before 4.0 refuse that). `reuse` is the
   * checksum of the previous snapshot's index, whose entries the new one starts with.
   */
  async createFixedIndex(storedName: string, o: { size?: number; reuse?: Uint8Array } = {}): Promise<IndexHandle> {
    const query = { 'archive-name': storedName, size: o.size, 'reuse-csum': o.reuse && toHex(o.reuse) };
    const wid = await this.session.request('POST', 'fixed_index', { query });
    return { kind: 'fixed', wid: writerId(wid), anyOrder: o.size !== undefined };
  }

  /** After this, the chunk may be named in any index of the session. */
  async uploadChunk(index: IndexHandle, chunk: ChunkUpload): Promise<void> {
    const encodedSize = chunk.body.reduce((sum, part) => sum + part.byteLength, 0);
    const query = { digest: toHex(chunk.digest), 'encoded-size': encodedSize, size: chunk.size, wid: index.wid };
    await this.session.request('POST', `${index.kind}_chunk`, { query, body: chunk.body });
  }

  /** Names at most `maxAppend` known chunks; where the index takes them in order only, one that comes early is refused. */
  async append(index: IndexHandle, entries: readonly IndexEntry[]): Promise<void> {
    const json = {
      'digest-list': entries.map((entry) => toHex(entry.digest)),
      'offset-list': entries.map((entry) => entry.offset),
      wid: index.wid,
    };
    await this.session.request('PUT', `${index.kind}_index`, { json });
  }

  async closeIndex(index: IndexHandle, o: { chunkCount: number; size: number; csum: Uint8Array }): Promise<void> {
    const query = { 'chunk-count': o.chunkCount, csum: toHex(o.csum), size: o.size, wid: index.wid };
    await this.session.request('POST', `${index.kind}_close`, { query });
  }

  /** Sends bytes that the server throws away. */
  async speedtest(body: Uint8Array): Promise<void> {
    await this.session.request('POST', 'speedtest', { body });
  }

  /** Makes the snapshot visible. Without it, the server drops everything when the connection ends. */
  async finish(): Promise<void> {
    await this.session.request('POST', 'finish');
  }
}

function writerId(data: unknown): number {
  if (typeof data === 'number' && Number.isInteger(data)) return data;
  throw new GranaryError('protocol', `the server gave '${data}' as the id of a new index`);
}
