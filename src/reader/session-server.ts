// A reader session, server side: hands out the files of one snapshot, and only chunks that an opened index names
// (backup-protocol.md 3 and 7).

import { type ReaderCall, readerCalls, readerProtocol } from '../backup/session.contract.ts';
import { snapshotOf } from '../backup/session-server.ts';
import { fromHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { GranaryError, messageOf, withContext } from '../base/errors.ts';
import { Gate } from '../base/gate.ts';
import { MemoryBudget, type MemoryShare } from '../base/memory-budget.ts';
import type { OpenChunk } from '../chunk-store/contract.ts';
import type { Datastore } from '../datastore/datastore.ts';
import { ownerMatches } from '../model/auth-id.ts';
import {
  type BackupSnapshot,
  datastoreAclPath,
  formatGroup,
  formatSnapshot,
  type Namespace,
  parseNamespace,
} from '../model/backup.ts';
import { archiveKind } from '../model/names.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { DatastoreUse, ServerContext } from '../wire/context.ts';
import type { H2Server, ServerStream } from '../wire/h2-server.ts';
import { checkUpgrade, type UpgradeRequest, upgradeToHttp2 } from '../wire/h2-upgrade.ts';
import { answerCalls, RawAnswer, type SessionCall, sessionEnd } from '../wire/session-calls.ts';

/**
 * Answers a request for a reader session. Throws before anything was answered when a check of
 * backup-protocol.md 3 fails; otherwise resolves when the 101 is out, and a worker task owns the connection.
 */
export async function startReaderSession(server: ServerContext, request: UpgradeRequest): Promise<void> {
  const { params, authId } = request;
  const storeName = String(params['store']);
  const ns = parseNamespace(String(params['ns'] ?? ''));
  const path = datastoreAclPath(storeName, ns);
  const granted = server.access.privileges(authId, path);
  if (!granted.has('Datastore.Read') && !granted.has('Datastore.Backup')) {
    throw new GranaryError('bad-request', `no permissions on ${path}`);
  }
  const use = await server.datastores.use(storeName, 'read');
  try {
    await startIn(server, request, use, ns, granted.has('Datastore.Read'));
  } catch (error) {
    use[Symbol.dispose]();
    throw error;
  }
}

/** From here on the datastore is in use; the worker task ends the use once it has started. */
async function startIn(
  server: ServerContext,
  request: UpgradeRequest,
  use: DatastoreUse,
  ns: Namespace,
  mayReadAll: boolean,
): Promise<void> {
  const { params, authId } = request;
  const store = use.datastore;
  const socket = checkUpgrade(request, readerProtocol);
  const snapshot = snapshotOf(params);
  await checkSnapshot(store, ns, snapshot, authId, mayReadAll);
  const lock = await lockForReading(store, ns, snapshot);
  const answered = Promise.withResolvers<void>();
  const time = snapshot.time.toString(16).toUpperCase().padStart(8, '0');
  const id = `${store.name}:${formatGroup(snapshot)}/${time}`;
  try {
    await server.tasks.start({ type: 'reader', id, authId, peer: request.peer }, async (task) => {
      using _use = use;
      using _lock = lock;
      task.log(`starting new backup reader datastore '${store.name}': "${store.path}"`);
      using reader = new ReaderSession(store, ns, snapshot, (line) => task.log(line));
      const debug = params['debug'] === true;
      const service = {
        calls: readerCalls,
        handlers: reader.handlers,
        rawBody: new Set<string>(),
        log: (line: string) => task.log(line),
        debug,
        observe: (call: string, seconds: number) =>
          server.counters.observe('pbs_session_request_duration_seconds', { session: 'reader', call }, seconds),
      };
      let connection: H2Server;
      try {
        connection = await upgradeToHttp2(socket, request.head, readerProtocol, answerCalls(service));
      } finally {
        answered.resolve();
      }
      if (debug) task.log('protocol upgrade done');
      await waitForEnd(connection, task);
    });
  } catch (error) {
    lock.release();
    throw error;
  }
  await answered.promise;
}

async function checkSnapshot(
  store: Datastore,
  ns: Namespace,
  snapshot: BackupSnapshot,
  authId: string,
  mayReadAll: boolean,
): Promise<void> {
  const missing = new GranaryError('bad-request', `snapshot ${formatSnapshot(snapshot)} does not exist.`);
  if (!mayReadAll) {
    let owner: string;
    try {
      owner = await store.readOwner(ns, snapshot);
    } catch (error) {
      throw error instanceof GranaryError && error.code === 'not-found' ? missing : error;
    }
    if (!ownerMatches(owner, authId)) throw new GranaryError('owner-mismatch', 'backup owner check failed!');
  }
  if (!(await store.snapshotExists(ns, snapshot))) throw missing;
}

async function lockForReading(store: Datastore, ns: Namespace, snapshot: BackupSnapshot) {
  try {
    return await store.lockSnapshotShared(ns, snapshot);
  } catch (error) {
    throw withContext(`while reading snapshot '${formatSnapshot(snapshot)}'`, error);
  }
}

async function waitForEnd(connection: H2Server, task: WorkerTask): Promise<void> {
  const abort = () => connection.drop();
  task.signal.addEventListener('abort', abort);
  if (task.signal.aborted) abort();
  const end = await sessionEnd(connection.closed);
  task.signal.removeEventListener('abort', abort);
  if (task.signal.aborted) throw new GranaryError('aborted', 'task aborted');
  if (end.error !== undefined) throw new GranaryError('connection', end.error);
  task.log('reader finished successfully');
}

/** Chunks of one session that are sent at once; requests beyond that wait. */
export const parallelChunks = 8;
/** Files of one session that are sent at once. */
const parallelFiles = 4;
/** A chunk is read in pieces of the largest size while there are few sessions: one write of the transport. */
const largestPiece = 256 * 1024;
const smallestPiece = 16 * 1024;
/** What the sessions of the process have for pieces; each takes a part of what is left. */
const pieceMemory = new MemoryBudget(32 * 1024 * 1024, 16);

class ReaderSession implements Disposable {
  readonly #store: Datastore;
  readonly #ns: Namespace;
  readonly #snapshot: BackupSnapshot;
  readonly #log: (line: string) => void;
  readonly #allowed = new DigestMap();
  readonly #files = new Gate(parallelFiles);
  readonly #chunks = new Gate(parallelChunks);
  readonly #memory: MemoryShare;
  readonly #pieceSize: number;
  /** Memory for a piece that no chunk uses at present. A piece is held however slowly the peer takes it. */
  readonly #pieces: Uint8Array[] = [];

  constructor(store: Datastore, ns: Namespace, snapshot: BackupSnapshot, log: (line: string) => void) {
    this.#store = store;
    this.#ns = ns;
    this.#snapshot = snapshot;
    this.#log = log;
    this.#memory = pieceMemory.take(parallelChunks * largestPiece, parallelChunks * smallestPiece);
    this.#pieceSize = Math.floor(this.#memory.bytes / parallelChunks / smallestPiece) * smallestPiece;
  }

  [Symbol.dispose](): void {
    this.#memory.release();
  }

  readonly handlers: Record<ReaderCall, (call: SessionCall) => unknown> = {
    'GET download': ({ params, stream }) => this.#download(String(params['file-name']), stream),
    'GET chunk': ({ params, stream }) => this.#chunk(String(params['digest']), stream),
    'GET speedtest': () => new RawAnswer(new Uint8Array(1024 * 1024).fill(0x41)),
  };

  #download(name: string, stream: ServerStream): Promise<RawAnswer> {
    return whileSending(this.#files, stream, async (send) => send(await this.#file(name)));
  }

  async #file(name: string): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    const kind = archiveKind(name);
    if (!kind) throw new GranaryError('bad-request', `unknown archive type: "${name}"`);
    const path = this.#store.filePath(this.#ns, this.#snapshot, name);
    this.#log(`download "${path}"`);
    if (kind !== 'blob') {
      const index = await this.#store.openIndex(this.#ns, this.#snapshot, name);
      this.#log(`register chunks in '${name}' as downloadable.`);
      for (let i = 0; i < index.count; i++) this.#allowed.set(index.digestAt(i), 1);
    }
    return this.#store.readFile(this.#ns, this.#snapshot, name);
  }

  #chunk(text: string, stream: ServerStream): Promise<RawAnswer> {
    const digest = fromHex(text, 32, 'digest');
    if (!this.#allowed.has(digest)) {
      this.#log(`attempted to download chunk ${text} which is not in registered chunk list`);
      throw new GranaryError('permission-denied', `download chunk ${text} not allowed`, { status: 401 });
    }
    return whileSending(this.#chunks, stream, async (send) => {
      try {
        // Whoever reads checks the chunk; looking at it here too would only cost time.
        await using chunk = await this.#store.chunks.openChunk(digest);
        const room = this.#pieces.pop() ?? Buffer.allocUnsafeSlow(this.#pieceSize);
        const first = room.subarray(0, chunk.size);
        await chunk.read(first, 0);
        const whole = await send(first.byteLength === chunk.size ? first : piecesOf(chunk, room, first), chunk.size);
        // What was not sent to its end may still be waiting somewhere.
        if (whole) this.#pieces.push(room);
      } catch (error) {
        throw readingFailed(text, error);
      }
    });
  }
}

/** Sends a body; resolves once nothing of it is sent any more: whether all of it was. */
type Send = (body: Uint8Array | AsyncIterable<Uint8Array>, length?: number) => Promise<boolean>;

/** An answer that `work` makes, and sends, as soon as the gate lets it; until it is sent it counts there. */
function whileSending(gate: Gate, stream: ServerStream, work: (send: Send) => Promise<unknown>): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const send: Send = (body, length) =>
    new Promise((done) => resolve(new RawAnswer(body, { done, ...(length === undefined ? {} : { length }) })));
  void gate.run(async () => {
    if (stream.gone) return reject(new GranaryError('connection', 'connection lost'));
    await work(send).catch(reject);
  });
  return promise;
}

/** All of a chunk, of which `first` lies in `room` already; each piece takes the place of the one before. */
async function* piecesOf(chunk: OpenChunk, room: Uint8Array, first: Uint8Array): AsyncGenerator<Uint8Array> {
  yield first;
  for (let at = first.byteLength; at < chunk.size; ) {
    const piece = room.subarray(0, chunk.size - at);
    await chunk.read(piece, at);
    yield piece;
    at += piece.byteLength;
  }
}

function readingFailed(digest: string, error: unknown): GranaryError {
  const code = error instanceof GranaryError ? error.code : 'io';
  return new GranaryError(code, `reading file "${digest}" failed: ${messageOf(error)}`, { cause: error, status: 400 });
}
