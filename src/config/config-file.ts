// One configuration file: read with a cache that notices every change, written under a lock, atomically
// and durably (config-and-tasks.md head, rest-api.md 3.4). Several processes share the files.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { type FileLock, lockFile } from '../os/file-lock.ts';

export interface ConfigFileOptions<T> {
  path: string;
  /** Permission bits. Default 0640. */
  mode?: number;
  /** Throws `config-invalid` naming file and line. Gets the empty text when the file does not exist. */
  parse(text: string, path: string): T;
  /** Its result has to be parseable; never called for a file that could not be parsed. */
  serialize(value: T, path: string): string;
  /** How long a change waits for others. Default 10 s. */
  lockWaitMs?: number;
}

export interface Loaded<T> {
  /** Shared with other readers: not to be changed. */
  readonly value: T;
  /** SHA-256 of the file's bytes, lower-case hex. */
  readonly digest: string;
}

interface Cached<T> extends Loaded<T> {
  identity: string;
  /** Whether the identity alone shows that nothing has changed. */
  settled: boolean;
}

/** Two changes within this time of each other can have the same time stamp. */
const timestampGranularityMs = 100;

/** The last change of each file under way in this process. */
const queues = new Map<string, Promise<void>>();

export class ConfigFile<T> {
  readonly path: string;
  readonly #options: ConfigFileOptions<T>;
  #cached: Cached<T> | undefined;

  constructor(options: ConfigFileOptions<T>) {
    this.path = options.path;
    this.#options = options;
  }

  /** The content as of now: one stat when nothing has changed. A missing file is an empty one. */
  current(): Loaded<T> {
    const identity = this.#identify();
    if (this.#cached?.settled && this.#cached.identity === identity.text) return this.#cached;
    const bytes = this.#read();
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (this.#cached?.digest === digest) {
      this.#cached = { ...this.#cached, identity: identity.text, settled: identity.settled };
    } else {
      this.#cached = { value: this.#parse(bytes), digest, identity: identity.text, settled: identity.settled };
    }
    return this.#cached;
  }

  /** A text that changes whenever the file does; also for processes that may not read it. */
  stamp(): string {
    return this.#identify().text;
  }

  async load(): Promise<Loaded<T>> {
    return this.current();
  }

  /**
   * Changes the file under its lock: `change` edits the value it is given. With a
   * `digest` that is not the file's, nothing is changed and `modified` is thrown; a file that cannot be
   * parsed is left alone. When this resolves the new content is durable.
   */
  async update(change: (value: T) => void | Promise<void>, digest?: string): Promise<Loaded<T>> {
    // Changes of this process queue up here, so that they do not poll for each other's lock.
    const result = (queues.get(this.path) ?? Promise.resolve()).then(() => this.#update(change, digest));
    const settled = result.then(
      () => {},
      () => {},
    );
    queues.set(this.path, settled);
    try {
      return await result;
    } finally {
      if (queues.get(this.path) === settled) queues.delete(this.path);
    }
  }

  async #update(change: (value: T) => void | Promise<void>, digest: string | undefined): Promise<Loaded<T>> {
    using _lock = await this.lock();
    const before = this.#read();
    const oldDigest = createHash('sha256').update(before).digest('hex');
    checkDigest(oldDigest, digest);
    const value = this.#parse(before);
    await change(value);
    const text = this.#options.serialize(value, this.path);
    // What is written has to be readable: a value that breaks the format must not take the whole file with it.
    this.#options.parse(text, this.path);
    const after = Buffer.from(text);
    if (!after.equals(before) || !fs.existsSync(this.path)) await this.#write(after);
    return this.current();
  }

  /** The lock that `update` takes, for callers that change several files together. */
  async lock(): Promise<FileLock> {
    const path = lockPath(this.path);
    // Some files have a directory of their own, which is made with the first of them.
    fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const lock = await lockFile(path, { mode: 'exclusive', waitMs: this.#options.lockWaitMs ?? 10_000 });
    if (!lock) throw new GranaryError('locked', `unable to acquire lock "${path}": another process holds it`);
    return lock;
  }

  #identify(): { text: string; settled: boolean } {
    const stat = fs.statSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (!stat) return { text: 'missing', settled: true };
    // The file system's time stamps are the machine's time, which is why no clock is passed in.
    const settled = BigInt(Date.now() - timestampGranularityMs) > stat.ctimeMs;
    return { text: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`, settled };
  }

  #read(): Buffer {
    try {
      return fs.readFileSync(this.path);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
      throw withContext(`unable to read "${this.path}"`, error);
    }
  }

  #parse(bytes: Buffer): T {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      const line = lineThatIsNotUtf8(bytes);
      throw new GranaryError('config-invalid', `parsing "${this.path}" failed: line ${line} - not UTF-8`, {
        details: { file: this.path, line },
        cause: error,
      });
    }
    return this.#options.parse(text, this.path);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const mode = this.#options.mode ?? 0o640;
    try {
      await replaceFile(this.path, bytes, { mode, durable: true, owner: ownerFor(this.path, mode) });
    } catch (error) {
      throw withContext(`unable to write "${this.path}"`, error);
    }
  }
}

/** Throws `modified` when a caller's digest is not the file's. */
export function checkDigest(actual: string, expected: string | undefined): void {
  if (expected === undefined || expected.toLowerCase() === actual) return;
  throw new GranaryError('modified', 'detected modified configuration - file changed by other user? Try again.');
}

/** `.NAME.lck` beside `NAME.cfg`; other extensions are kept in the name. */
export function lockPath(path: string): string {
  return join(dirname(path), `.${basename(path, '.cfg')}.lck`);
}

/**
 * Who should own the file once it is replaced: who owns it now, root if it is new. The group of a file that a group may
 * read is that of the directory, so that the unprivileged daemon can read it, also what an administrator put there as
 * root. Only root can give files away.
 */
export function ownerFor(path: string, mode: number): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const present = fs.statSync(path, { throwIfNoEntry: false });
  const directory = fs.statSync(dirname(path), { throwIfNoEntry: false });
  return { uid: present?.uid ?? 0, gid: mode & 0o040 ? (directory?.gid ?? 0) : (present?.gid ?? 0) };
}

/** Counted from 1. */
function lineThatIsNotUtf8(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(10, from);
    const to = end < 0 ? bytes.length : end + 1;
    try {
      decoder.decode(bytes.subarray(from, to));
    } catch {
      break;
    }
    from = to;
  }
  return line;
}
