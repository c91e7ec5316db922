// What is asked of a bucket, counted over all processes and kept in a file: providers charge for it. A process adds what it
// has counted every second; what it counted in the second in which it was killed is lost.

import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { lockFile } from '../os/file-lock.ts';
import { giveToOwnerOf, ownerIn } from '../os/inherit-owner.ts';
import type { Counted, Traffic } from './contract.ts';

/** The counts since they were last set to zero. */
export interface CountedTraffic {
  traffic: Traffic;
  /** Epoch seconds; 0 when they never were. */
  since: number;
  /** Which thresholds were told of since. */
  told: string[];
}

const flushMs = 1000;
const lockWaitMs = 5000;

const noTraffic = (): Traffic => ({ get: 0, put: 0, post: 0, head: 0, delete: 0, upload: 0, download: 0 });
export const countedNames = Object.keys(noTraffic()) as Counted[];

/** Counts of this process for one file. */
export class TrafficCounts {
  readonly #file: string;
  #pending = noTraffic();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  readonly count = (what: Counted, amount: number): void => {
    this.#pending[what] += amount;
    this.#timer ??= setTimeout(() => this.flush(), flushMs).unref();
  };

  /** Adds what was counted to the file; counts that cannot be written are tried again with the next. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const counted = this.#pending;
    this.#pending = noTraffic();
    try {
      await changeTraffic(this.#file, (state) => {
        for (const name of countedNames) state.traffic[name] += counted[name];
      });
    } catch {
      for (const name of countedNames) this.#pending[name] += counted[name];
    }
  }
}

/** What the file says; zeros when there is none, or it cannot be understood. */
export function readTraffic(file: string): CountedTraffic {
  let text = '{}';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  return parseTraffic(text);
}

function parseTraffic(text: string): CountedTraffic {
  const state: CountedTraffic = { traffic: noTraffic(), since: 0, told: [] };
  try {
    const read = JSON.parse(text) as Partial<CountedTraffic>;
    for (const name of countedNames) state.traffic[name] = Number(read.traffic?.[name]) || 0;
    state.since = Number(read.since) || 0;
    if (Array.isArray(read.told)) state.told = read.told.map(String);
  } catch {}
  return state;
}

/** Changes the file, under its lock, which is another file beside it. */
export async function changeTraffic(file: string, change: (state: CountedTraffic) => void): Promise<void> {
  const directory = dirname(file);
  if (mkdirSync(directory, { recursive: true, mode: 0o750 })) giveToOwnerOf(dirname(directory), directory);
  const path = `${file}.lck`;
  using lock = await lockFile(path, { mode: 'exclusive', waitMs: lockWaitMs });
  if (!lock) throw new Error(`unable to lock "${path}"`);
  giveToOwnerOf(directory, path);
  const state = readTraffic(file);
  change(state);
  const owner = ownerIn(directory);
  await replaceFile(file, JSON.stringify(state), { durable: false, ...(owner ? { owner } : {}) });
}

/** Sets all counts to zero; `now` in epoch seconds. */
export async function resetTraffic(file: string, now: number): Promise<void> {
  await changeTraffic(file, (state) => Object.assign(state, { traffic: noTraffic(), since: now, told: [] }));
}
