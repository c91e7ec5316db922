// A name searched for in all snapshots of a group: the server goes through those that it can read, this page through the
// encrypted ones whose key it knows.

import type { SearchLine } from '../../../src/api/admin/datastore/content.contract.ts';
import { knownKeys } from '../../base/sealed/known-keys.ts';
import { SealedSnapshot, statedFingerprint } from '../../base/sealed/sealed-snapshot.ts';
import { type SnapshotAddress, serverParts } from '../../base/sealed/server-parts.ts';
import { SealedSource } from './sealed-source.ts';
import { ServerSource, type Source, searchOnServer } from './source.ts';

/** As many as the server finds at most. */
const mostMatches = 10_000;

export class GroupSearch {
  readonly #group: Omit<SnapshotAddress, 'backup-time'>;
  /** Encrypted snapshots that were opened, by time. */
  readonly #opened = new Map<number, { source: SealedSource; fingerprint: string }>();

  constructor(group: Omit<SnapshotAddress, 'backup-time'>) {
    this.#group = group;
  }

  /** Newest snapshot first; what cannot be read is told as skipped. */
  async *run(pattern: string, signal: AbortSignal): AsyncGenerator<SearchLine> {
    let left = mostMatches;
    for await (const line of searchOnServer(this.#group, pattern, signal)) {
      if (line.kind === 'match') left--;
      if (line.kind !== 'skipped' || line.reason !== 'encrypted') {
        yield line;
        continue;
      }
      const time = line['backup-time'];
      try {
        const source = await this.#open(time);
        if (source === undefined) yield line;
        else {
          for await (const found of source.search(pattern, signal)) {
            if (found.kind === 'end') continue;
            if (found.kind === 'match' && left-- <= 0) {
              yield { kind: 'end', truncated: true };
              return;
            }
            yield found;
          }
        }
      } catch (cause) {
        signal.throwIfAborted();
        yield { kind: 'skipped', 'backup-time': time, reason: 'failed', error: (cause as Error).message };
      }
    }
  }

  /** Where the content of what was found in the snapshot of that time comes from. */
  sourceOf(time: number): Source {
    return this.#opened.get(time)?.source ?? new ServerSource({ ...this.#group, 'backup-time': time });
  }

  /** Of the key that opened that snapshot; undefined for one that is not encrypted. */
  fingerprintOf(time: number): string | undefined {
    return this.#opened.get(time)?.fingerprint;
  }

  /** Undefined where its key is not known. */
  async #open(time: number): Promise<SealedSource | undefined> {
    const known = this.#opened.get(time);
    if (known !== undefined) return known.source;
    const parts = serverParts({ ...this.#group, 'backup-time': time });
    const keys = knownKeys();
    const stated = keys.length === 0 ? undefined : await statedFingerprint(parts);
    // A manifest that does not name its key may have been signed with any of them.
    for (const key of keys.filter(({ fingerprint }) => stated === null || fingerprint === stated)) {
      const snapshot = await SealedSnapshot.open(parts, key).catch((cause: unknown) => {
        if (stated === null) return undefined;
        throw cause;
      });
      if (snapshot === undefined) continue;
      const source = new SealedSource(snapshot, time);
      this.#opened.set(time, { source, fingerprint: key.fingerprint });
      return source;
    }
    return undefined;
  }
}
