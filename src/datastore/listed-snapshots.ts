// What listings have read of finished snapshots, for the next listing: a snapshot whose directory and manifest are the
// very ones that were read is not read again. A group of a thousand snapshots is listed each time somebody looks at it.

import * as fs from 'node:fs';
import { manifestName } from '../model/names.ts';
import { hasSettled } from '../os/times.ts';
import type { SnapshotInfo } from './snapshots.ts';
import { ifExists } from './store-context.ts';

/** What a snapshot itself tells. */
export type SnapshotFacts = Omit<SnapshotInfo, 'owner'>;

/** Snapshots that are remembered, some 10 MiB; the one that was not asked for the longest goes first. */
const capacity = 8192;

export class ListedSnapshots {
  /** Milliseconds since 1970, by the clock of the file system. */
  readonly #now: () => number;
  readonly #known = new Map<string, { identity: string; facts: SnapshotFacts }>();

  constructor(now = () => Date.now()) {
    this.#now = now;
  }

  /** What is known of the snapshot in a directory, else what `read` gives, which is remembered once it has settled. */
  async facts(directory: string, read: () => Promise<SnapshotFacts>): Promise<SnapshotFacts> {
    const identity = await identityOf(directory, this.#now());
    const known = this.#known.get(directory);
    this.#known.delete(directory);
    const isKnown = known !== undefined && known.identity === identity;
    const facts = isKnown ? known.facts : await read();
    // What could not be read is looked at again.
    if (identity !== undefined && facts.manifestError === undefined) this.#remember(directory, { identity, facts });
    return { ...facts, files: facts.files.map((file) => ({ ...file })) };
  }

  #remember(directory: string, entry: { identity: string; facts: SnapshotFacts }): void {
    this.#known.set(directory, entry);
    if (this.#known.size <= capacity) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/**
 * Differs between any two states of a snapshot: names that come and go change the directory, a new manifest is another
 * file, and one that is damaged in place has another time of change. Undefined without a manifest, or while it is new.
 */
async function identityOf(directory: string, now: number): Promise<string | undefined> {
  const look = (path: string) => ifExists(fs.promises.stat(path, { bigint: true }));
  const stats = [await look(directory), await look(`${directory}/${manifestName}`)];
  const parts: string[] = [];
  for (const stat of stats) {
    if (stat === undefined || !hasSettled(Number(stat.ctimeMs), now)) return undefined;
    parts.push(`${stat.dev}.${stat.ino}.${stat.ctimeNs}.${stat.mtimeNs}.${stat.size}`);
  }
  return parts.join('/');
}
