// A whole server in this process for tests of the sessions, and the ways into it: the product's client half, plain
// HTTP/1.1 requests for what is refused, and node:http2 or the bare socket for what no good client does.

import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import http2, { type ClientHttp2Session, type Settings } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import tls, { type TLSSocket } from 'node:tls';
import { scratchFolder } from '../../../test/support/scratch.ts';
import { GranaryError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import type { DatastoreSection } from '../../config/datastore-schema.ts';
import { startProxy } from '../../daemon/proxy.ts';
import type { Datastore } from '../../datastore/datastore.ts';
import { rootUser } from '../../model/auth-id.ts';
import { http } from '../../os/node-http.ts';
import type { TaskStart, WorkerTask } from '../../task/task-registry.ts';
import type { ServerContext } from '../../wire/context.ts';
import { connectH2, type H2Session } from '../../wire/h2-client.ts';
import { backupProtocol, readerProtocol } from '../session.contract.ts';

export interface SessionServerOptions {
  /** Datastores and what their configuration has besides name and path; default `store1`. */
  stores?: Record<string, Partial<DatastoreSection>>;
}

/** Parameters of an upgrade; undefined members are left out. */
export type SessionParams = Record<string, string | number | boolean | undefined>;

export interface SessionOptions {
  /** User or token; `admin@pbs` by default. */
  as?: string;
}

/** An answer to a plain HTTP/1.1 request. */
export interface PlainAnswer {
  status: number;
  reason: string;
  headers: IncomingHttpHeaders;
  text: string;
}

/** A task that has ended; its lines are without their times. */
export interface EndedTask {
  upid: string;
  type: string;
  id: string;
  authId: string;
  status: string;
  lines: string[];
}

/** `admin@pbs` may do everything and is who calls by default. */
export class SessionServer implements AsyncDisposable {
  readonly home: string;
  readonly port: number;
  readonly server: ServerContext;
  /** Everything that was logged at level error. */
  readonly errors: string[];
  readonly #stop: () => Promise<void>;
  readonly #tasks: { start: TaskStart; task: WorkerTask }[] = [];
  readonly #secrets = new Map<string, string>();
  readonly #sockets = new Set<Socket>();

  private constructor(
    home: string,
    proxy: Awaited<ReturnType<typeof startProxy>>,
    errors: string[],
    stop: () => Promise<void>,
  ) {
    this.home = home;
    this.port = proxy.port;
    this.server = proxy.server;
    this.errors = errors;
    this.#stop = stop;
    const { tasks } = proxy.server;
    const start = tasks.start.bind(tasks);
    tasks.start = async (o, work) => {
      const task = await start(o, work);
      this.#tasks.push({ start: o, task });
      return task;
    };
  }

  static async start(options: SessionServerOptions = {}): Promise<SessionServer> {
    const home = scratchFolder('granary-session-');
    const errors: string[] = [];
    const log: Logger = (level, event, facts) => {
      if (level === 'error') errors.push(`${event} ${JSON.stringify(facts)}`);
    };
    const delays = { unauthorized: 0, forbidden: 0 };
    const proxy = await startProxy({ home, port: 0, host: '127.0.0.1', certificateBits: 2048, delays, log });
    const started = new SessionServer(home, proxy, errors, () => proxy.stop(0));
    for (const [name, section] of Object.entries(options.stores ?? { store1: {} })) {
      await started.createStore(name, section);
    }
    await started.createUser('admin@pbs', '/', 'Admin');
    return started;
  }

  /** Makes a datastore without the 65536 directories, which are made on demand. */
  async createStore(name: string, section: Partial<DatastoreSection> = {}): Promise<void> {
    mkdirSync(join(this.storePath(name), '.chunks'), { recursive: true });
    const config = new DatastoreConfig(this.server.directories);
    await config.create({ tuning: 'sync-level=none', ...section, name, path: this.storePath(name) });
  }

  async createUser(userid: string, path: string, role: string): Promise<void> {
    if (!this.server.access.users.exists(userid)) await this.server.access.users.create({ userid });
    await this.server.access.updateAcl(rootUser, { path, role, authId: userid });
  }

  /** Makes a token with a role of its own; its user has to exist. */
  async createToken(tokenid: string, path: string, role: string): Promise<void> {
    this.#secrets.set(tokenid, await this.server.access.users.generateToken({ tokenid }));
    await this.server.access.updateAcl(rootUser, { path, role, authId: tokenid });
  }

  storePath(name = 'store1'): string {
    return join(this.home, 'stores', name);
  }

  store(name = 'store1'): Promise<Datastore> {
    return this.server.datastores.get(name, 'lookup');
  }

  /** The directory of a snapshot: `host/a/TIME`. */
  snapshotPath(snapshot: string, store = 'store1'): string {
    return join(this.storePath(store), snapshot);
  }

  files(snapshot: string, store = 'store1'): string[] {
    return readdirSync(this.snapshotPath(snapshot, store)).sort();
  }

  /** The headers that say who calls. */
  credentials(authId = 'admin@pbs'): Record<string, string> {
    const secret = this.#secrets.get(authId);
    if (secret !== undefined) return { authorization: `PBSAPIToken=${authId}:${secret}` };
    const { ticket, csrf } = this.server.access.issueTicket(authId);
    return { cookie: `PBSAuthCookie=${ticket}`, csrfpreventiontoken: csrf };
  }

  /** A TLS connection, and the TCP connection below it, which can be reset. */
  async socket(): Promise<{ tcp: Socket; socket: TLSSocket }> {
    const tcp = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    tcp.on('error', () => {});
    this.#sockets.add(tcp);
    tcp.on('close', () => this.#sockets.delete(tcp));
    const socket = tls.connect({ socket: tcp, rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    return { tcp, socket };
  }

  backup(params: SessionParams, options: SessionOptions = {}): Promise<H2Session> {
    return this.#session(target('backup', params), backupProtocol, options);
  }

  reader(params: SessionParams, options: SessionOptions = {}): Promise<H2Session> {
    return this.#session(target('reader', params), readerProtocol, options);
  }

  async #session(path: string, protocol: string, options: SessionOptions): Promise<H2Session> {
    const { socket } = await this.socket();
    const headers = this.credentials(options.as);
    return connectH2({ socket, authority: 'localhost:8007', path, protocol, headers });
  }

  /** A refused session's text: status, then what the body says. */
  async refusal(kind: 'backup' | 'reader', params: SessionParams, options: SessionOptions = {}): Promise<string> {
    try {
      const session = await this[kind](params, options);
      const { task } = this.#tasks.at(-1)!;
      await session.close();
      await task.done;
    } catch (error) {
      if (error instanceof GranaryError) return `${error.status} ${error.message}`;
      throw error;
    }
    return 'not refused';
  }

  /** One HTTP/1.1 request with exactly these headers. */
  async plain(
    method: string,
    path: string,
    headers: Record<string, string>,
    options: { setHost?: boolean; json?: unknown } = {},
  ): Promise<PlainAnswer> {
    const { socket } = await this.socket();
    return new Promise((resolve, reject) => {
      const setHost = options.setHost ?? true;
      const request = http.request({ createConnection: () => socket, method, path, headers, setHost });
      request.on('error', reject);
      request.on('upgrade', (response, _socket, head) => {
        socket.destroy();
        resolve({ status: 101, reason: '', headers: response.headers, text: head.toString() });
      });
      request.on('response', async (response) => {
        const text = Buffer.concat(await response.toArray()).toString();
        socket.destroy();
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          headers: response.headers,
          text,
        });
      });
      request.end(options.json === undefined ? undefined : JSON.stringify(options.json));
    });
  }

  /** A connection right after the 101, before any HTTP/2 byte. */
  async upgraded(
    kind: 'backup' | 'reader',
    params: SessionParams,
    options: SessionOptions & { headers?: Record<string, string>; slashes?: string } = {},
  ): Promise<{ tcp: Socket; socket: TLSSocket; headers: IncomingHttpHeaders }> {
    const { tcp, socket } = await this.socket();
    const upgrade = kind === 'backup' ? backupProtocol : readerProtocol;
    const headers = { ...this.credentials(options.as), connection: 'upgrade', upgrade, ...options.headers };
    const path = `${options.slashes ?? '/'}${target(kind, params).slice(1)}`;
    const request = http.request({ createConnection: () => socket, path, headers });
    const answered = Promise.withResolvers<{ response: IncomingMessage; head: Buffer }>();
    request.on('upgrade', (response, _socket, head) => answered.resolve({ response, head }));
    request.on('response', (response) => answered.reject(new Error(`upgrade refused: ${response.statusCode}`)));
    request.on('error', answered.reject);
    request.end();
    const { response, head } = await answered.promise;
    if (head.length > 0) socket.unshift(head);
    return { tcp, socket, headers: response.headers };
  }

  /** The session over node:http2, an implementation that is not ours. */
  async foreign(
    kind: 'backup' | 'reader',
    params: SessionParams,
    options: SessionOptions & { settings?: Settings } = {},
  ): Promise<{ tcp: Socket; socket: TLSSocket; session: ClientHttp2Session }> {
    const { tcp, socket } = await this.upgraded(kind, params, options);
    const session = http2.connect('https://localhost:8007', {
      createConnection: () => socket,
      maxSessionMemory: 1000,
      ...(options.settings === undefined ? {} : { settings: options.settings }),
    });
    session.on('error', () => {});
    return { tcp, socket, session };
  }

  /** The newest task of a type and worker id (`host/a` for a backup of store1), once it has ended. */
  async ended(type: string, id: string): Promise<EndedTask> {
    const { start, task } = this.task(type, id);
    const status = await task.done;
    return { upid: task.upid, type, id, authId: start.authId, status, lines: await this.log(task.upid) };
  }

  /** Resolves once the task of that id has ended. */
  async taskEnded(upid: string): Promise<void> {
    await this.#tasks.find(({ task }) => task.upid === upid)?.task.done;
  }

  /** Resolves once every task that was started has ended: all sessions have to be closed. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#tasks.map(({ task }) => task.done));
  }

  /** The newest started task of a type and worker id. */
  task(type: string, id: string): { start: TaskStart; task: WorkerTask } {
    const full = id.includes(':') ? id : `store1:${id}`;
    const found = this.#tasks.findLast(({ start }) => start.type === type && start.id === full);
    if (found === undefined) throw new Error(`no task '${type}' with id '${full}' was started`);
    return found;
  }

  /** Running operations of a datastore, once every change so far is counted. */
  async activeOperations(name: string): Promise<{ read: number; write: number }> {
    // Changes are written one after the other: this one's end is behind theirs.
    (await this.server.datastores.use(name, 'read'))[Symbol.dispose]();
    const use = await this.server.datastores.use(name, 'read');
    const { read, write } = await this.server.datastores.activeOperations(name);
    use[Symbol.dispose]();
    return { read: read - 1, write };
  }

  /** Lines of a task's log without their times. */
  async log(upid: string): Promise<string[]> {
    const { lines } = await this.server.tasks.log(upid, 0, 0);
    return lines.map(({ t }) => t.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d: /, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** `/api2/json/KIND?...` as the product's client sends it. */
export function target(kind: 'backup' | 'reader', params: SessionParams): string {
  const query = new URLSearchParams();
  const given: SessionParams = { store: 'store1', 'backup-type': 'host', ...params };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.append(name, String(value));
  return `/api2/json/${kind}?${query}`;
}
