// The stress test: processes that back up, restore, prune, remove, verify and collect garbage on one datastore at once,
// while days pass, the server's clock is set at will and processes are killed. What must hold: a finished snapshot is
// there until somebody removes it, every chunk that it names is there, and every byte of it is what was backed up.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { World } from './world.ts';

export interface StressOptions {
  seed: string;
  /** Seconds after which all processes are killed; with 0 each does its deeds to the end. */
  seconds: number;
  /** How often a process does its work before another takes its place. */
  deeds: number;
  /** Milliseconds between two passings of time, and between two kills. */
  pause: number;
  /** How many processes die before their time; any number by default. */
  kills?: number;
  /** Told of the counts now and then. */
  onProgress?: (counts: Record<string, number>) => void;
}

export interface StressReport {
  /** How often what was done, `refused` where locks and removals made it impossible. */
  counts: Record<string, number>;
  /** Chunks that collections have removed. */
  removedChunks: number;
  /** Finished snapshots at the end, all of them restored once more. */
  snapshots: number;
  /** What must not be; empty when all is well. */
  wrong: string[];
}

/** The processes that run at any time. */
const cast = ['writer', 'writer', 'writer', 'restorer', 'remover', 'collector', 'collector', 'verifier'];
/** Those that may die at any time: their deeds are then unknown, or make no difference. */
const mortal = new Set(['writer', 'collector', 'verifier']);
const day = 86_400;

interface Line {
  did?: string;
  committed?: string;
  removing?: string;
  removed?: number;
  whole?: string;
  wrong?: string;
}

class Stress {
  readonly #options: StressOptions;
  readonly #root = mkdtempSync(join(tmpdir(), 'granary-stress-'));
  readonly #world = new World(this.#root);
  readonly #running = new Map<ChildProcess, string>();
  /** Processes that have done something. On a busy machine the others would die before they had begun, one after the other. */
  readonly #atWork = new Set<ChildProcess>();
  readonly #counts: Record<string, number> = {};
  readonly #committed = new Set<string>();
  readonly #removing = new Set<string>();
  readonly #whole = new Set<string>();
  readonly #wrong: string[] = [];
  #removedChunks = 0;
  #started = 0;
  #end = 0;
  #over = false;

  constructor(options: StressOptions) {
    this.#options = options;
  }

  async run(): Promise<StressReport> {
    const { seconds, pause, onProgress } = this.#options;
    try {
      mkdirSync(join(this.#root, 'store/.chunks'), { recursive: true });
      await (await this.#world.open()).createNamespace([], 'deep');
      this.#end = performance.now() + seconds * 1000;
      const lanes = cast.map((role) => this.#lane(role));
      const events = this.#events(pause, onProgress);
      if (seconds > 0) setTimeout(() => this.#killAll(), seconds * 1000);
      await Promise.all(lanes);
      this.#over = true;
      await events;
      // What was pending when the last collection ran is looked at once more.
      await this.#world.pass(3 * day);
      await this.#actor('collector', 2);
      await this.#actor('inspector', 1);
      this.#compare();
      return {
        counts: this.#counts,
        removedChunks: this.#removedChunks,
        snapshots: this.#whole.size,
        wrong: this.#wrong,
      };
    } finally {
      this.#over = true;
      this.#killAll();
      rmSync(this.#root, { recursive: true, force: true });
    }
  }

  /** One process of a role after the other. */
  async #lane(role: string): Promise<void> {
    let whole: boolean;
    do whole = await this.#actor(role, this.#options.deeds);
    while ((this.#options.seconds > 0 ? performance.now() < this.#end : !whole) && this.#wrong.length === 0);
  }

  /** False when it was killed before it had done everything. */
  async #actor(role: string, deeds: number): Promise<boolean> {
    const program = new URL('./actor.ts', import.meta.url).pathname;
    const seed = `${this.#options.seed}/${this.#started++}`;
    const flags = ['--disable-warning=ExperimentalWarning'];
    const child = spawn(process.execPath, [...flags, program, role, this.#root, seed, String(deeds)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#running.set(child, role);
    const closed = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout! })) {
      this.#hear(line, role, seed);
      this.#atWork.add(child);
    }
    const [code, signal] = await closed;
    this.#running.delete(child);
    this.#atWork.delete(child);
    if (code !== 0 && signal !== 'SIGKILL') this.#wrong.push(`${role} ${seed} ended with ${code ?? signal}`);
    return signal !== 'SIGKILL';
  }

  #hear(text: string, role: string, seed: string): void {
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      return; // The last words of one that was killed.
    }
    if (line.did) this.#counts[line.did] = (this.#counts[line.did] ?? 0) + 1;
    if (line.committed) this.#committed.add(line.committed);
    if (line.removing) this.#removing.add(line.removing);
    if (line.removed) this.#removedChunks += line.removed;
    if (line.whole) this.#whole.add(line.whole);
    if (line.wrong) this.#wrong.push(`${role} ${seed}: ${line.wrong}`);
  }

  /** Lets time pass, sets the clock, kills. */
  async #events(pause: number, onProgress: StressOptions['onProgress']): Promise<void> {
    for (let n = 0; !this.#over; n++) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#over) return;
      if (n % 2 === 0) await this.#pass((Math.random() * 2 + 0.01) * day);
      else this.#kill();
      if (n % 5 === 0) {
        const { passed } = this.#world.clocks();
        this.#world.setClocks({ passed, wrong: Math.floor((Math.random() * 8 - 4) * day) });
        this.#count('clock set');
      }
      if (n % 40 === 39) onProgress?.(this.#counts);
    }
  }

  async #pass(seconds: number): Promise<void> {
    await this.#world.pass(Math.floor(seconds));
    this.#count('time passed');
  }

  #kill(): void {
    const { kills = Number.POSITIVE_INFINITY } = this.#options;
    if ((this.#counts['killed'] ?? 0) >= kills) return;
    const victims = [...this.#running].filter(([child, role]) => mortal.has(role) && this.#atWork.has(child));
    const victim = victims[Math.floor(Math.random() * victims.length)];
    if (victim?.[0].kill('SIGKILL')) this.#count('killed');
  }

  #killAll(): void {
    for (const child of this.#running.keys()) child.kill('SIGKILL');
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  /** What was committed is there, or somebody meant to remove it. */
  #compare(): void {
    const groups = [...this.#removing].filter((name) => name.endsWith('/'));
    for (const name of this.#committed) {
      if (this.#whole.has(name) || this.#removing.has(name)) continue;
      if (groups.some((group) => name.startsWith(group))) continue;
      this.#wrong.push(`${name} was finished and is gone`);
    }
  }
}

/** Runs it in a directory of its own, which is removed at the end. */
export function stress(options: StressOptions): Promise<StressReport> {
  return new Stress(options).run();
}
