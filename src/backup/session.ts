// One backup session, server side: a written state machine over a BackupTransaction (backup-protocol.md 5 and 6).
//
//   active --finish--> finishing --ok--> finished
//     ^                    |
//     +---- finish failed -+        a session that ends in any other state rolls the transaction back
//
// The session knows which chunks may be named (uploaded here, or in an index of the base snapshot), owns the open
// index writers and counts what was uploaded. Files, locks and durability are the transaction's.

import { fromHex, toHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { GranaryError } from '../base/errors.ts';
import type { BackupTransaction, IndexWriter, UploadStats } from '../datastore/backup-transaction.ts';
import type { Datastore } from '../datastore/datastore.ts';
import { formatSnapshot } from '../model/backup.ts';
import { archiveKind, fixedChunkSize } from '../model/names.ts';
import type { ServerStream } from '../wire/h2-server.ts';
import { RawAnswer, type SessionCall } from '../wire/session-calls.ts';
import type { BackupCall } from './session.contract.ts';

type Kind = 'fixed' | 'dynamic';

interface OpenWriter {
  kind: Kind;
  name: string;
  index: IndexWriter;
  stats: UploadStats;
  /** Chunks shorter than the fixed chunk size; an image has at most one. */
  shortChunks: number;
}

export interface SessionLog {
  log(line: string): void;
}

export interface BackupSessionOptions {
  /** Logs each chunk too. */
  debug?: boolean;
  /** No copies of its chunks go to a cache of the datastore. */
  noCache?: boolean;
}

export class BackupSession {
  readonly #store: Datastore;
  readonly #transaction: BackupTransaction;
  readonly #task: SessionLog;
  readonly #debug: boolean;
  readonly #noCache: boolean;
  readonly #writers = new Map<number, OpenWriter>();
  readonly #known = new DigestMap();
  readonly #stats: UploadStats = emptyStats();
  #state: 'active' | 'finishing' | 'finished' = 'active';
  #finishing: Promise<void> = Promise.resolve();
  #nextWriter = 1;
  #files = 0;

  constructor(store: Datastore, transaction: BackupTransaction, task: SessionLog, options: BackupSessionOptions = {}) {
    this.#store = store;
    this.#transaction = transaction;
    this.#task = task;
    this.#debug = options.debug ?? false;
    this.#noCache = options.noCache ?? false;
  }

  /** Whether the backup is finished, once a `finish` that is under way has come to its end. */
  async settled(): Promise<boolean> {
    await this.#finishing;
    return this.#state === 'finished';
  }

  readonly handlers: Record<BackupCall, (call: SessionCall) => unknown> = {
    'GET previous_backup_time': () => this.#transaction.base?.snapshot.time ?? null,
    'GET previous': ({ params }) => this.#previous(String(params['archive-name'])),
    'POST blob': (call) => this.#uploadBlob(call),
    'POST dynamic_index': ({ params }) => this.#createDynamic(String(params['archive-name'])),
    'POST fixed_index': ({ params }) =>
      this.#createFixed(
        String(params['archive-name']),
        params['size'] as number | undefined,
        params['reuse-csum'] as string | undefined,
      ),
    'PUT dynamic_index': ({ params }) => this.#append('dynamic', params),
    'PUT fixed_index': ({ params }) => this.#append('fixed', params),
    'POST dynamic_chunk': (call) => this.#uploadChunk('dynamic', call),
    'POST fixed_chunk': (call) => this.#uploadChunk('fixed', call),
    'POST dynamic_close': ({ params }) => this.#close('dynamic', params),
    'POST fixed_close': ({ params }) => this.#close('fixed', params),
    'POST speedtest': ({ stream }) => stream.discard(),
    'POST finish': () => this.#finish(),
  };

  #requireActive(): void {
    if (this.#state === 'finished') throw new GranaryError('bad-request', 'backup already marked as finished.');
    if (this.#state === 'finishing') {
      throw new GranaryError('bad-request', 'backup is already in the process of finishing.');
    }
  }

  async #previous(name: string): Promise<RawAnswer> {
    const { base } = this.#transaction;
    if (!base) throw new GranaryError('bad-request', 'no valid previous backup');
    const from = `from previous backup '${formatSnapshot(base.snapshot)}'.`;
    const kind = archiveKind(name);
    if (!kind) throw new GranaryError('bad-request', `unknown archive type: "${name}"`);
    if (kind !== 'blob') {
      const index = await this.#transaction.openPreviousIndex(name);
      for (let i = 0; i < index.count; i++) this.#known.set(index.digestAt(i), index.endOf(i) - index.startOf(i));
      this.#task.log(`register chunks in '${name}' ${from}`);
    }
    this.#task.log(`download '${name}' ${from}`);
    return new RawAnswer(await this.#transaction.readPrevious(name));
  }

  async #uploadBlob({ params, stream }: SessionCall): Promise<null> {
    this.#requireActive();
    const name = String(params['file-name']);
    const length = Number(params['encoded-size']);
    if (!name.endsWith('.blob')) throw new GranaryError('bad-request', `wrong blob file extension: '${name}'`);
    using slot = await this.#acquireSlot(length, stream);
    const raw = slot.bytes.subarray(0, length);
    const got = await stream.readInto(raw);
    if (got !== length) throw new GranaryError('bad-request', `got blob with unexpected length (${length} != ${got})`);
    this.#requireActive();
    const { path, compressed } = await this.#transaction.writeBlob(name, raw);
    this.#files++;
    this.#stats.size += length;
    this.#task.log(`add blob "${path}" (${length} bytes, comp: ${compressed})`);
    return null;
  }

  #register(kind: Kind, name: string, index: IndexWriter): number {
    const id = this.#nextWriter++;
    this.#writers.set(id, { kind, name, index, stats: emptyStats(), shortChunks: 0 });
    this.#task.log(`created new ${kind} index ${id} ("${index.path}")`);
    return id;
  }

  async #createDynamic(name: string): Promise<number> {
    this.#requireActive();
    if (!name.endsWith('.didx')) throw new GranaryError('bad-request', `wrong archive extension: '${name}'`);
    return this.#register('dynamic', name, await this.#transaction.openDynamicIndex(name));
  }

  async #createFixed(name: string, size: number | undefined, reuse: string | undefined): Promise<number> {
    this.#requireActive();
    if (!name.endsWith('.fidx')) throw new GranaryError('bad-request', `wrong archive extension: '${name}'`);
    const reuseChecksum = reuse === undefined ? undefined : fromHex(reuse, 32, 'reuse-csum');
    return this.#register('fixed', name, await this.#transaction.openFixedIndex(name, { size, reuseChecksum }));
  }

  #writer(kind: Kind, id: number): OpenWriter {
    const writer = this.#writers.get(id);
    if (!writer || writer.kind !== kind) throw new GranaryError('bad-request', `${kind} writer '${id}' not registered`);
    return writer;
  }

  async #uploadChunk(kind: Kind, { params, stream }: SessionCall): Promise<string> {
    this.#requireActive();
    const id = Number(params['wid']);
    const size = Number(params['size']);
    const encoded = Number(params['encoded-size']);
    const text = String(params['digest']);
    const digest = fromHex(text, 32, 'digest');
    const slot = await this.#acquireSlot(encoded, stream);
    let stored: { duplicate: boolean; storedSize: number };
    try {
      const got = await stream.readInto(slot.bytes.subarray(0, encoded));
      if (got > encoded) throw new GranaryError('bad-request', 'uploaded chunk is larger than announced.');
      if (got < encoded) throw new GranaryError('bad-request', 'uploaded chunk has unexpected size.');
      stored = await this.#store.chunks.receive(digest, size, slot, encoded, { noCache: this.#noCache });
    } finally {
      slot.release();
    }
    this.#requireActive();
    const writer = this.#writer(kind, id);
    if (kind === 'fixed') this.#checkFixedSize(writer, id, size);
    this.#known.set(digest, size);
    writer.stats.count++;
    writer.stats.size += size;
    writer.stats.compressedSize += stored.storedSize;
    if (stored.duplicate) writer.stats.duplicates++;
    if (this.#debug) this.#task.log(`upload_chunk done: ${size} bytes, ${text}`);
    return text;
  }

  #checkFixedSize(writer: OpenWriter, id: number, size: number): void {
    if (size > fixedChunkSize) {
      throw new GranaryError(
        'bad-request',
        `fixed writer '${writer.name}' - got large chunk (${size} > ${fixedChunkSize}`,
      );
    }
    if (size < fixedChunkSize && ++writer.shortChunks > 1) {
      throw new GranaryError(
        'bad-request',
        `fixed writer '${id}' - detected multiple end chunks (chunk size too small)`,
      );
    }
  }

  /** Waits for room for an upload, as long as its stream is there; it holds at most a first window meanwhile. */
  async #acquireSlot(length: number, stream: ServerStream): ReturnType<Datastore['chunks']['acquireSlot']> {
    const gone = new AbortController();
    const stay = stream.whenGone(() => gone.abort(new GranaryError('connection', 'connection lost during upload')));
    try {
      return await this.#store.chunks.acquireSlot(length, { signal: gone.signal });
    } finally {
      stay();
    }
  }

  #append(kind: Kind, params: Record<string, unknown>): null {
    this.#requireActive();
    const digests = params['digest-list'] as string[];
    const offsets = params['offset-list'] as number[];
    if (digests.length !== offsets.length) {
      throw new GranaryError('bad-request', `offset list has wrong length (${offsets.length} != ${digests.length})`);
    }
    const id = Number(params['wid']);
    if (this.#debug) this.#task.log(`${kind}_append ${digests.length} chunks`);
    for (let i = 0; i < digests.length; i++) {
      const digest = fromHex(digests[i]!, 32, 'digest');
      const length = this.#known.get(digest);
      if (length === undefined) throw new GranaryError('bad-request', `no such chunk ${digests[i]}`);
      this.#writer(kind, id).index.append(offsets[i]!, digest, length);
      if (!this.#debug) continue;
      const place = `offset ${offsets[i]}, size ${length}`;
      this.#task.log(`successfully added chunk ${digests[i]} to ${kind} index ${id} (${place})`);
    }
    return null;
  }

  async #close(kind: Kind, params: Record<string, unknown>): Promise<null> {
    this.#requireActive();
    const id = Number(params['wid']);
    const writer = this.#writer(kind, id);
    // A failed close drops the writer too (backup-protocol.md 5.6); the index then has to be made anew.
    this.#writers.delete(id);
    const count = Number(params['chunk-count']);
    const size = Number(params['size']);
    const checksum = fromHex(String(params['csum']), 32, 'csum');
    const closed = await writer.index.close({ count, size, checksum });
    this.#files++;
    addStats(this.#stats, writer.stats);
    this.#logUploadStatistics(writer, closed, count, size);
    this.#task.log(`successfully closed ${kind} index ${id}`);
    return null;
  }

  #logUploadStatistics(
    writer: OpenWriter,
    closed: { uuid: Uint8Array; checksum: Uint8Array },
    count: number,
    size: number,
  ): void {
    const { stats } = writer;
    const log = (line: string) => this.#task.log(line);
    log(`Upload statistics for '${writer.name}'`);
    log(`UUID: ${toHex(closed.uuid)}`);
    log(`Checksum: ${toHex(closed.checksum)}`);
    log(`Size: ${size}`);
    log(`Chunk count: ${count}`);
    if (size === 0 || count === 0) return;
    log(`Upload size: ${stats.size} (${Math.floor((stats.size * 100) / size)}%)`);
    const client = Math.max(0, count - stats.count);
    if (client > 0 || stats.duplicates > 0) {
      const percent = Math.floor(((client + stats.duplicates) * 100) / count);
      log(`Duplicates: ${client}+${stats.duplicates} (${percent}%)`);
    }
    if (stats.size > 0) log(`Compression: ${Math.floor((stats.compressedSize * 100) / stats.size)}%`);
  }

  async #finish(): Promise<null> {
    this.#requireActive();
    if (this.#writers.size > 0) {
      throw new GranaryError('bad-request', 'found open index writer - unable to finish backup');
    }
    if (this.#files === 0) {
      throw new GranaryError('bad-request', 'backup does not contain valid files (file count == 0)');
    }
    this.#state = 'finishing';
    const committing = this.#transaction.commit(this.#stats).then(
      () => {
        this.#state = 'finished';
      },
      (error: unknown) => {
        this.#state = 'active';
        throw error;
      },
    );
    this.#finishing = committing.catch(() => {});
    await committing;
    this.#task.log('successfully finished backup');
    return null;
  }
}

function emptyStats(): UploadStats {
  return { count: 0, size: 0, compressedSize: 0, duplicates: 0 };
}

function addStats(total: UploadStats, more: UploadStats): void {
  total.count += more.count;
  total.size += more.size;
  total.compressedSize += more.compressedSize;
  total.duplicates += more.duplicates;
}
