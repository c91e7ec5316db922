// A server that tests kill and start again over the same files, and what has to hold after every accident: the
// finished snapshots are listed and whole, nothing else looks like content, and the next backup succeeds.

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import tls from 'node:tls';
import { AccessControl } from '../../src/access/access-control.ts';
import { backupProtocol, readerProtocol } from '../../src/backup/session.contract.ts';
import { runBackup, type TestChunk } from '../../src/backup/testing/content.ts';
import { target } from '../../src/backup/testing/session-server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ensureIdentity } from '../../src/certificates/identity.ts';
import { runNamed } from '../../src/cli/programs.ts';
import { FakeTerminal } from '../../src/cli/testing/terminal.ts';
import { DatastoreConfig } from '../../src/config/datastore-config.ts';
import { createDirectories, type Directories, resolveDirectories } from '../../src/config/directories.ts';
import { Datastore } from '../../src/datastore/datastore.ts';
import { Verification } from '../../src/datastore/verify.ts';
import { rootUser } from '../../src/model/auth-id.ts';
import { connectH2, type H2Session } from '../../src/wire/h2-client.ts';
import { type Launched, launch, type Outcome, root } from '../support/launch.ts';
import { scratchFolder } from '../support/scratch.ts';

export const storeName = 'store1';
export const tokenId = 'admin@pbs!fault';

export interface StandOptions {
  tuning?: string;
  /** Where the datastore is; below the stand's folder by default. */
  store?: string;
  /** Flags for the server's Node. */
  execArgv?: readonly string[];
  /** Makes and configures the datastore; by default one on a file system. */
  makeDatastore?: (directories: Directories, store: string) => Promise<void>;
}

/** What the server answers about a snapshot. */
export interface ListedSnapshot {
  'backup-id': string;
  'backup-time': number;
  size?: number;
  files: { filename: string; size?: number }[];
}

function onFileSystem(tuning: string): NonNullable<StandOptions['makeDatastore']> {
  return async (directories, store) => {
    mkdirSync(join(store, '.chunks'), { recursive: true });
    await new DatastoreConfig(directories).create({ name: storeName, path: store, tuning });
  };
}

export class Stand implements AsyncDisposable {
  readonly folder: string;
  readonly store: string;
  /** Times of the finished backups of each group `host/ID`, as the test knows them. */
  readonly finished = new Map<string, number[]>();
  readonly #home: string;
  readonly #asked: string;
  readonly #secret: string;
  readonly #fingerprint: string;
  readonly #execArgv: readonly string[];
  #child: ChildProcess | undefined;
  #ended: Promise<NodeJS.Signals | null> = Promise.resolve(null);
  #port = 0;

  private constructor(folder: string, store: string, secret: string, fingerprint: string, execArgv: readonly string[]) {
    this.#execArgv = execArgv;
    this.folder = folder;
    this.store = store;
    this.#home = join(folder, 'home');
    this.#asked = join(folder, 'failpoint');
    this.#secret = secret;
    this.#fingerprint = fingerprint;
  }

  /** Prepares the files of a server and starts it. */
  static async start(options: StandOptions = {}): Promise<Stand> {
    const folder = scratchFolder('granary-fault-');
    const home = join(folder, 'home');
    const store = options.store ?? join(folder, 'store');
    const directories = resolveDirectories(home);
    await createDirectories(directories);
    const { fingerprint } = await ensureIdentity(directories.config, { clock: systemClock, bits: 2048 });
    const access = await AccessControl.open(directories, systemClock);
    await access.users.create({ userid: 'admin@pbs' });
    const secret = await access.users.generateToken({ tokenid: tokenId });
    for (const authId of ['admin@pbs', tokenId]) await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId });
    const tuning = options.tuning ?? 'sync-level=none';
    await (options.makeDatastore ?? onFileSystem(tuning))(directories, store);
    const stand = new Stand(folder, store, secret, fingerprint, options.execArgv ?? []);
    await stand.restart();
    return stand;
  }

  /** Starts the server again after it ended. */
  async restart(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'server-process.ts'), [this.#home], {
      execArgv: ['--disable-warning=ExperimentalWarning', ...this.#execArgv],
      env: {
        ...process.env,
        GRANARY_FAILPOINTS: `*=ask:${this.#asked}`,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#ended = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null);
    const [message] = (await Promise.race([
      once(child, 'message'),
      this.#ended.then((signal) => assert.fail(`the server did not start: ${signal}`)),
    ])) as [{ port: number }];
    this.#port = message.port;
  }

  /** From now on the server does this at the failpoint: `kill`, or an errno name. */
  arm(failpoint: string, action: string): void {
    writeFileSync(this.#asked, `${failpoint}=${action}\n`);
  }

  disarm(): void {
    rmSync(this.#asked, { force: true });
  }

  kill(): void {
    this.#child!.kill('SIGKILL');
  }

  /** The signal that the server died of, null when it is still alive after `patienceMs`. */
  async died(patienceMs: number): Promise<NodeJS.Signals | null> {
    const timeout = Promise.withResolvers<null>();
    const timer = setTimeout(() => timeout.resolve(null), patienceMs);
    const signal = await Promise.race([this.#ended, timeout.promise]);
    clearTimeout(timer);
    return signal;
  }

  get authorization(): string {
    return `PBSAPIToken=${tokenId}:${this.#secret}`;
  }

  /** Whether the process that was started last is still there. */
  get alive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get port(): number {
    return this.#port;
  }

  /** Opens a session; waits for one of the same group whose connection has just ended. */
  async backup(params: Record<string, string | number | boolean | undefined>): Promise<H2Session> {
    for (const end = performance.now() + 60_000; ; ) {
      try {
        return await this.#open('backup', backupProtocol, params);
      } catch (error) {
        if (!/unable to acquire backup group lock/.test(String(error)) || performance.now() > end) throw error;
      }
    }
  }

  /** Opens a session that reads a snapshot. */
  reader(params: Record<string, string | number | boolean | undefined>): Promise<H2Session> {
    return this.#open('reader', readerProtocol, params);
  }

  async #open(
    kind: 'backup' | 'reader',
    protocol: string,
    params: Record<string, string | number | boolean | undefined>,
  ): Promise<H2Session> {
    const socket = tls.connect({ port: this.#port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return connectH2({
      socket,
      authority: `localhost:${this.#port}`,
      path: target(kind, { store: storeName, ...params }),
      protocol,
      headers: { authorization: this.authorization },
    });
  }

  /** A whole backup that has to succeed; remembered. */
  async goodBackup(id: string, time: number, chunks: readonly TestChunk[]): Promise<void> {
    await runBackup(this, { id, time }, chunks);
    this.remember(id, time);
  }

  remember(id: string, time: number): void {
    this.finished.set(id, [...(this.finished.get(id) ?? []), time]);
  }

  /** The server's answer to a call of its API. */
  call(method: string, path: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: this.authorization };
      const at = { host: '127.0.0.1', port: this.#port, path: `/api2/json/${path}` };
      const request = https.request({ ...at, method, headers, rejectUnauthorized: false, agent: false }, (response) => {
        response.toArray().then((parts: Buffer[]) => {
          resolve({ status: response.statusCode!, text: Buffer.concat(parts).toString() });
        }, reject);
      });
      request.on('error', reject);
      request.end();
    });
  }

  async listed(): Promise<ListedSnapshot[]> {
    const { status, text } = await this.call('GET', `admin/datastore/${storeName}/snapshots`);
    assert.equal(status, 200, text);
    return (JSON.parse(text) as { data: ListedSnapshot[] }).data;
  }

  /** Finished snapshots of a group as the server lists them, oldest first. */
  async listedTimes(id: string): Promise<number[]> {
    const all = (await this.listed()).filter((snapshot) => snapshot['backup-id'] === id && snapshot.size !== undefined);
    return all.map((snapshot) => snapshot['backup-time']).sort((a, b) => a - b);
  }

  /**
   * What holds after every accident: exactly the remembered snapshots are finished, every one of them is whole, no
   * temporary file stands among files or chunks.
   */
  async checkIntact(): Promise<void> {
    await this.checkReadable();
    assert.deepEqual(await this.verify(), []);
  }

  /** `checkIntact` without verification, which has to write its result. */
  async checkReadable(): Promise<void> {
    const snapshots = await this.listed();
    const finished = new Map<string, number[]>();
    for (const { 'backup-id': id, 'backup-time': time, size, files } of snapshots) {
      for (const { filename } of files) assert.match(filename, /\.(blob|fidx|didx)$/, `${id} lists '${filename}'`);
      if (size !== undefined)
        finished.set(
          id,
          [...(finished.get(id) ?? []), time].sort((a, b) => a - b),
        );
    }
    const known = [...this.finished].filter(([, times]) => times.length > 0);
    assert.deepEqual(new Map([...finished].sort()), new Map(known.sort()));
  }

  /** Verifies every finished snapshot; those that failed. */
  async verify(): Promise<string[]> {
    const store = await Datastore.open(storeName, { path: this.store }, { lockDir: join(this.#home, 'run', 'locks') });
    for await (const { digest } of store.chunks.digests()) assert.equal(digest.length, 32);
    const lines: string[] = [];
    const upid = 'UPID:test:00000001:00000001:00000000:65000000:verify:store1:root@pam:';
    const verification = new Verification(store, { upid, log: (line) => lines.push(line) });
    const failed: string[] = [];
    for (const snapshot of await store.listSnapshots([])) {
      if (!snapshot.finished) continue;
      const { type, id, time } = snapshot;
      if (!(await verification.verifySnapshot([], { type, id, time })))
        failed.push(`${id} ${time}: ${lines.join('\n')}`);
    }
    return failed;
  }

  /** No file of the store, chunks included, is a temporary one, once uploads that nobody waits for have ended. */
  async checkNoTemporaryFiles(): Promise<void> {
    const temporary = () =>
      readdirSync(this.store, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.tmp_'));
    for (const end = performance.now() + 60_000; temporary().length > 0 && performance.now() < end; ) {
      await this.listed();
    }
    assert.deepEqual(temporary(), []);
  }

  chunkFile(digest: string): string {
    return join(this.store, '.chunks', digest.slice(0, 4), digest);
  }

  /** A program in this process; quicker than a process of its own. */
  async program(words: readonly string[], env: Record<string, string> = {}): Promise<{ code: number; err: string }> {
    const [name = '', ...rest] = words;
    const terminal = new FakeTerminal({ env: { ...this.clientEnv(), ...env }, answers: [] });
    const code = await runNamed(name, rest, terminal);
    return { code, err: terminal.messages };
  }

  /** The environment of a client of this server. */
  clientEnv(): Record<string, string> {
    return {
      PBS_REPOSITORY: `${tokenId}@localhost:${this.#port}:${storeName}`,
      PBS_PASSWORD: this.#secret,
      PBS_FINGERPRINT: this.#fingerprint,
      HOME: join(this.folder, 'client'),
    };
  }

  /** The client as a process. */
  client(words: readonly string[], env: Record<string, string> = {}): Launched {
    return launch([join(root, 'bin', 'proxmox-backup-client'), ...words], {
      cwd: this.folder,
      env: { ...this.clientEnv(), ...env },
    });
  }

  runClient(words: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    return this.client(words, env).ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
