// Which thresholds are crossed, kept over restarts: one file below the state directory for each process that watches.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { isObject } from '../config/json-file.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { ownerIn } from '../os/inherit-owner.ts';
import type { Crossing } from './crossing.ts';

/** By what is crossed: a text of the watcher's own. */
export type Crossings = ReadonlyMap<string, Crossing>;

export class CrossingStates {
  readonly #path: string;
  readonly #owner: ReturnType<typeof ownerIn>;
  readonly #log: Logger;

  constructor(directories: Directories, name: string, log: Logger) {
    this.#path = join(directories.state, `alerts-${name}.json`);
    this.#owner = ownerIn(directories.state);
    this.#log = log;
  }

  /** A damaged file counts as empty: what is still crossed is told of once more. */
  async read(): Promise<Crossings> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return new Map();
      throw error;
    }
    const crossings = parse(text);
    if (crossings === undefined) this.#log('error', 'alert-states-damaged', { file: this.#path });
    return crossings ?? new Map();
  }

  async write(crossings: Crossings): Promise<void> {
    const text = `${JSON.stringify(Object.fromEntries(crossings))}\n`;
    await replaceFile(this.#path, text, { mode: 0o644, ...(this.#owner === undefined ? {} : { owner: this.#owner }) });
  }
}

function parse(text: string): Crossings | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, Crossing] => isCrossing(entry[1])) ? new Map(entries) : undefined;
}

function isCrossing(value: unknown): value is Crossing {
  if (!isObject(value)) return false;
  const { level, since, told } = value;
  return (level === 'warning' || level === 'critical') && Number.isSafeInteger(since) && Number.isSafeInteger(told);
}
