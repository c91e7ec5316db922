// A real server for system tests: on a random port, in a folder of its own, with command line programs that talk to it.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/base/log.ts';
import { loadIdentity } from '../../src/certificates/identity.ts';
import { runNamed } from '../../src/cli/programs.ts';
import { FakeTerminal } from '../../src/cli/testing/terminal.ts';
import { startProxy } from '../../src/daemon/proxy.ts';
import { FakeMachine } from '../../src/machine/testing/fake-machine.ts';
import { scratchFolder } from './scratch.ts';

type RunningProxy = Awaited<ReturnType<typeof startProxy>>;

export interface RunResult {
  code: number;
  out: string;
  err: string;
  bytes: Buffer;
}

export interface RunOptions {
  env?: Record<string, string | undefined>;
  answers?: string[];
  input?: string;
}

/** Makes an empty datastore without its 65,536 directories, which are made on demand: they take seconds. */
export async function emptyStore(path: string): Promise<void> {
  await mkdir(join(path, '.chunks'), { recursive: true });
}

export class TestServer implements AsyncDisposable {
  /** Everything of this server and its clients lies below. */
  readonly folder: string;
  readonly port: number;
  readonly fingerprint: string;
  /** The machine that the server looks at and changes. */
  readonly machine: FakeMachine;
  readonly #proxy: RunningProxy;

  private constructor(folder: string, proxy: RunningProxy, machine: FakeMachine, fingerprint: string) {
    this.folder = folder;
    this.machine = machine;
    this.#proxy = proxy;
    this.port = proxy.port;
    this.fingerprint = fingerprint;
  }

  /**
   * Starts a server with user `admin@pbs`, password `admin-password`, who may do everything. Its folder may be in
   * memory, where some attributes of files do not exist, unless it has to be on disk.
   */
  static async start(o: { onDisk?: boolean; machine?: FakeMachine } = {}): Promise<TestServer> {
    const prefix = 'granary-system-';
    const folder = o.onDisk ? await mkdtemp(join(tmpdir(), prefix)) : scratchFolder(prefix);
    const home = join(folder, 'server');
    await mkdir(home);
    const machine = o.machine ?? new FakeMachine({}, {}, '/');
    const proxy = await startProxy({
      home,
      machine,
      port: 0,
      host: '127.0.0.1',
      certificateBits: 2048,
      log: silentLogger,
      delays: { unauthorized: 0, forbidden: 0 },
    });
    await writeFile(join(home, 'run', 'proxy.json'), JSON.stringify({ port: proxy.port, pid: process.pid }));
    const identity = await loadIdentity(join(home, 'etc'));
    const server = new TestServer(folder, proxy, machine, identity!.fingerprint);
    await server.manager('user', 'create', 'admin@pbs', '--password', 'admin-password');
    await server.manager('acl', 'update', '/', 'Admin', '--auth-id', 'admin@pbs');
    return server;
  }

  /** A path below the folder. */
  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Makes a datastore; its directory is `NAME` below the folder. */
  async datastore(name: string): Promise<string> {
    const path = this.path(name);
    await emptyStore(path);
    const { code, err } = await this.manager('datastore', 'create', name, path);
    if (code !== 0) throw new Error(`datastore create failed: ${err}`);
    return path;
  }

  /** The environment of a client of this server. */
  env(store: string, user = 'admin@pbs', password = 'admin-password'): Record<string, string> {
    return {
      PBS_REPOSITORY: `${user}@localhost:${this.port}:${store}`,
      PBS_PASSWORD: password,
      PBS_FINGERPRINT: this.fingerprint,
      HOME: this.path('home'),
      PATH: process.env['PATH'] ?? '',
    };
  }

  manager(...words: string[]): Promise<RunResult> {
    return this.run('proxmox-backup-manager', words, { env: { GRANARY_HOME: this.path('server') } });
  }

  /** A client command in this process. */
  client(store: string, words: string[], options: RunOptions = {}): Promise<RunResult> {
    return this.run('proxmox-backup-client', words, { ...options, env: { ...this.env(store), ...options.env } });
  }

  async run(program: string, words: readonly string[], options: RunOptions): Promise<RunResult> {
    const terminal = new FakeTerminal({
      env: options.env ?? {},
      answers: options.answers ?? [],
      ...(options.input === undefined ? {} : { input: options.input }),
    });
    const code = await runNamed(program, words, terminal);
    return { code, out: terminal.printed, err: terminal.messages, bytes: terminal.printedBytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy.stop(1000);
    this.machine[Symbol.dispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
