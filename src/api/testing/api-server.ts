// A whole API server for tests: own directories, users with different rights, real TLS on a free port.

import { rmSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { scratchFolder } from '../../../test/support/scratch.ts';
import { AccessControl } from '../../access/access-control.ts';
import { AuditLog } from '../../audit/audit-log.ts';
import { auditTasks } from '../../audit/audit-tasks.ts';
import { backupUpgrade, readerUpgrade } from '../../backup/session.contract.ts';
import { type Clock, epochSeconds, systemClock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { ensureIdentity } from '../../certificates/identity.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import { createDirectories, resolveDirectories } from '../../config/directories.ts';
import { ConfiguredDatastores } from '../../daemon/datastore-registry.ts';
import { serverVersion } from '../../daemon/version.ts';
import { FakeMachine } from '../../machine/testing/fake-machine.ts';
import { MetricsReader } from '../../metrics/metrics-reader.ts';
import { ServerCounters } from '../../metrics/server-counters.ts';
import { rootUser } from '../../model/auth-id.ts';
import { TaskRegistry } from '../../task/task-registry.ts';
import type { ServerContext, UpgradeHandler } from '../../wire/context.ts';
import { ApiServer } from '../../wire/http-server.ts';
import type { Endpoint } from '../../wire/implement.ts';
import { Router } from '../../wire/router.ts';
import { WebFiles } from '../../wire/web-files.ts';
import { endpoints as allEndpoints } from '../index.ts';
import { apiPages } from '../pages.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  text: string;
  /** The parsed body of a JSON answer. */
  json: { data: unknown; [attribute: string]: unknown };
}

export interface CallOptions {
  /** Sent in the query, or for POST and PUT as a form. */
  params?: Record<string, string | number | boolean | readonly string[]>;
  /** Sent as a JSON body. */
  json?: unknown;
  raw?: Uint8Array;
  /** User to log in as; nobody when absent. */
  as?: string;
  headers?: Record<string, string>;
  format?: 'json' | 'extjs';
}

export interface TestApiOptions {
  endpoints?: readonly Endpoint[];
  /** Datastores by name. */
  stores?: Record<string, string>;
  session?: UpgradeHandler;
  delays?: { unauthorized: number; forbidden: number };
  /** The machine; by default one without files and programs, so that no call can change the real one. */
  machine?: FakeMachine;
  /** Time for everything; moving it needs no waiting. */
  clock?: Clock;
  /** A built browser interface; a relative path is below the server's folder. */
  webFolder?: string;
}

/** Trusts nobody, and is made once: with the certificates of the whole world that takes longer than a call. */
const secureContext = tls.createSecureContext({ ca: [] });

/** Users: `admin@pbs` may do everything, `audit@pbs` audits the stores, `nobody@pbs` has no rights. */
export class TestApi implements AsyncDisposable {
  readonly server: ServerContext;
  readonly port: number;
  readonly home: string;
  readonly machine: FakeMachine;
  /** Everything that was logged at level error. */
  readonly errors: { event: string; facts: Record<string, unknown> }[];
  readonly #api: ApiServer;
  readonly #logins = new Map<string, { second: number; headers: Record<string, string> }>();
  readonly #agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false, secureContext });

  private constructor(
    home: string,
    server: ServerContext,
    machine: FakeMachine,
    api: ApiServer,
    port: number,
    errors: TestApi['errors'],
  ) {
    this.home = home;
    this.server = server;
    this.machine = machine;
    this.#api = api;
    this.port = port;
    this.errors = errors;
  }

  static async start(options: TestApiOptions = {}): Promise<TestApi> {
    const home = scratchFolder('granary-api-');
    const directories = resolveDirectories(home, 'home');
    await createDirectories(directories);
    const clock = options.clock ?? systemClock;
    const errors: TestApi['errors'] = [];
    const log: Logger = (level, event, facts = {}) => {
      if (level === 'error') errors.push({ event, facts });
    };
    const access = await AccessControl.open(directories, clock, { logger: log, sleep: async () => {} });
    const audit = new AuditLog(directories, clock, log);
    const tasks = await TaskRegistry.open(directories, clock, 'testnode', log, { onEnd: auditTasks(audit) });
    const machine = options.machine ?? new FakeMachine({}, {}, '/');
    const datastores = new ConfiguredDatastores(directories, clock, log, machine);
    const server: ServerContext = {
      directories,
      access,
      tasks,
      audit,
      datastores,
      machine,
      metrics: new MetricsReader(directories),
      counters: new ServerCounters(directories),
      clock,
      log,
      version: serverVersion,
      node: 'testnode',
    };
    for (const [name, base] of Object.entries(options.stores ?? {})) {
      await new DatastoreConfig(directories).create({ name, path: base });
    }
    for (const userid of ['admin@pbs', 'audit@pbs', 'nobody@pbs']) await access.users.create({ userid });
    await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: 'admin@pbs' });
    await access.updateAcl(rootUser, { path: '/datastore', role: 'DatastoreAudit', authId: 'audit@pbs' });
    const handle = options.session ?? (async () => {});
    const sessions = [backupUpgrade, readerUpgrade].map((contract) => ({
      contract: contract,
      handle,
    }));
    const router = new Router(
      options.endpoints ?? allEndpoints,
      sessions.map((one) => one.contract.path),
    );
    const identity = await ensureIdentity(directories.config, { clock, bits: 2048 });
    const delays = options.delays ?? { unauthorized: 0, forbidden: 0 };
    const pages = apiPages([...router.endpoints, ...sessions].map((one) => one.contract));
    const { webFolder } = options;
    const web = webFolder === undefined ? {} : { web: new WebFiles(path.resolve(home, webFolder)) };
    const api = new ApiServer({ server, router, sessions, pages, ...web, tls: identity, delays });
    const port = await api.listen({ port: 0, host: '127.0.0.1' });
    return new TestApi(home, server, machine, api, port, errors);
  }

  setTls(settings: Parameters<ApiServer['setTls']>[0]): void {
    this.#api.setTls(settings);
  }

  /** Cookie and CSRF token of a user: those of the second, made once. */
  login(user: string): Record<string, string> {
    const second = epochSeconds(this.server.clock);
    const known = this.#logins.get(user);
    if (known?.second === second) return known.headers;
    const { ticket, csrf } = this.server.access.issueTicket(user);
    const headers = { cookie: `PBSAuthCookie=${encodeURIComponent(ticket)}`, csrfpreventiontoken: csrf };
    this.#logins.set(user, { second, headers });
    return headers;
  }

  /** One call below `/api2/FORMAT/`; a path that begins with a slash is taken as it is. */
  async call(method: string, callPath: string, options: CallOptions = {}): Promise<Answer> {
    const headers: Record<string, string | number> = { ...(options.as === undefined ? {} : this.login(options.as)) };
    let target = callPath.startsWith('/') ? callPath : `/api2/${options.format ?? 'json'}/${callPath}`;
    let body = options.raw;
    const form = formOf(options.params ?? {});
    if (options.json !== undefined) {
      body = Buffer.from(JSON.stringify(options.json));
      headers['content-type'] = 'application/json';
    } else if (form !== '' && (method === 'POST' || method === 'PUT') && body === undefined) {
      body = Buffer.from(form);
      headers['content-type'] = 'application/x-www-form-urlencoded';
    } else if (form !== '') target += `${target.includes('?') ? '&' : '?'}${form}`;
    if (body !== undefined) headers['content-length'] = body.byteLength;
    return await this.#send(method, target, { ...headers, ...options.headers }, body);
  }

  #send(
    method: string,
    target: string,
    headers: Record<string, string | number>,
    body: Uint8Array | undefined,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = https.request(
        { host: '127.0.0.1', port: this.port, method, path: target, headers, agent: this.#agent },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => {
            const bytes = Buffer.concat(parts);
            const text = bytes.toString();
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: bytes,
              text,
              get json() {
                return JSON.parse(text) as Answer['json'];
              },
            });
          });
        },
      );
      request.on('error', reject);
      // As a string it leaves together with the header: a refusal then keeps the connection, as nothing is unread.
      request.end(Buffer.from(body ?? []).toString('latin1'), 'latin1');
    });
  }

  /** The status of a task once it has ended. */
  async finished(upid: string): Promise<string> {
    for (;;) {
      const { running, status } = await this.server.tasks.info(upid);
      if (!running) return status ?? 'unknown';
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#api.close(0);
    await this.server.tasks.shutdown();
    this.machine[Symbol.dispose]();
    rmSync(this.home, { recursive: true, force: true });
  }
}

function formOf(params: NonNullable<CallOptions['params']>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one));
  }
  return form.toString();
}
