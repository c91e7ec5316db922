// What the processes of the stress test share: a datastore, and time that passes and clocks that are set at will.
//
// A day passes by making every chunk last used a day earlier; the time since the machine was started and the clock are
// read with an offset from a file. That is as if a day had passed only while nobody is between two looks at the clocks:
// time passes while nothing holds the world, and whoever touches chunks or collects garbage holds it meanwhile.

import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { isErrno } from '../../src/base/errors.ts';
import { createWorkers } from '../../src/chunk-store/workers.ts';
import { Datastore } from '../../src/datastore/datastore.ts';
import { replaceFileSync } from '../../src/os/atomic-file.ts';
import { type FileLock, lockFile } from '../../src/os/file-lock.ts';

/** Longer than any deed takes, on however busy a machine. */
const patienceMs = 15 * 60_000;

/** Seconds. */
interface Clocks {
  /** What has passed without anybody having waited for it. */
  passed: number;
  /** How wrong the server's clock is. */
  wrong: number;
}

export class World {
  readonly root: string;
  readonly #clocks: string;

  constructor(root: string) {
    this.root = root;
    this.#clocks = join(root, 'clocks.json');
  }

  /** The datastore as one more process of the server opens it; 0 threads run everything inline. */
  open(threads = 0): Promise<Datastore> {
    return Datastore.open(
      'stress',
      { path: join(this.root, 'store'), tuning: { 'sync-level': 'none' } },
      {
        lockDir: join(this.root, 'locks'),
        clock: { now: () => this.now() },
        uptime: () => uptime() + this.clocks().passed,
        workers: createWorkers({ threads, slotMemory: 4 * 1024 * 1024 }),
      },
    );
  }

  clocks(): Clocks {
    try {
      return JSON.parse(readFileSync(this.#clocks, 'utf8')) as Clocks;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return { passed: 0, wrong: 0 };
      throw error;
    }
  }

  /** The server's clock, milliseconds. */
  now(): number {
    const { passed, wrong } = this.clocks();
    return Date.now() + (passed + wrong) * 1000;
  }

  setClocks(clocks: Clocks): void {
    replaceFileSync(this.#clocks, JSON.stringify(clocks), { mode: 0o644 });
  }

  /** Keeps time from passing until it is released. */
  hold(): Promise<FileLock> {
    return this.#lock('shared');
  }

  /** Lets time pass. Chunks that nobody uses grow old; running backups have been running for longer. */
  async pass(seconds: number): Promise<void> {
    using _alone = await this.#lock('exclusive');
    const { passed, wrong } = this.clocks();
    const chunks = join(this.root, 'store/.chunks');
    for (const prefix of readdirSync(chunks)) {
      for (const name of prefix.startsWith('.') ? [] : readdirSync(join(chunks, prefix))) {
        const path = join(chunks, prefix, name);
        const stat = statIfPresent(path);
        if (stat) utimesSync(path, stat.atimeMs / 1000 - seconds, stat.mtime);
      }
    }
    this.setClocks({ passed: passed + seconds, wrong });
  }

  /** Who waits for time to pass is not to wait for ever, so those who come later let it go first. */
  async #lock(mode: 'shared' | 'exclusive'): Promise<FileLock> {
    using _turn = await patiently(join(this.root, 'turn.lck'), 'exclusive');
    return await patiently(join(this.root, 'world.lck'), mode);
  }
}

/** A chunk that is being verified may be set aside meanwhile. */
function statIfPresent(path: string) {
  return statSync(path, { throwIfNoEntry: false });
}

async function patiently(path: string, mode: 'shared' | 'exclusive'): Promise<FileLock> {
  const lock = await lockFile(path, { mode, waitMs: patienceMs });
  if (!lock) throw new Error(`no lock on ${path} in ${patienceMs / 60_000} minutes`);
  return lock;
}
