// What the chunks of a run that decrypts are called when they are plain, noted down for the next run: without that a run
// that broke off would have to fetch them once more to find out.
//
// An entry is the digest on the source, the plain one, and 16 bytes of their authentication by the key: damage, another
// key's entries and those that somebody made up are passed over. For one key the plain digest follows from the other one,
// whatever the snapshot, so that entries do not become wrong; whether the plain chunk is there has to be looked at.

import { bytesEqual, concatBytes } from '../base/bytes.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import type { ImportRecord } from '../datastore/import-record.ts';
import type { DigestPairs } from './digest-pairs.ts';

const digestSize = 32;
const pairSize = 2 * digestSize;
const tagSize = 16;
const entrySize = pairSize + tagSize;

/** Of one group. */
export class PairRecord {
  readonly #record: ImportRecord;
  readonly #read = new Set<CryptConfig>();

  constructor(record: ImportRecord) {
    this.#record = record;
  }

  /** Adds what earlier runs have noted with that key; once for each key. */
  async addTo(pairs: DigestPairs, crypt: CryptConfig): Promise<void> {
    if (this.#read.has(crypt)) return;
    this.#read.add(crypt);
    for await (const piece of this.#record.read(entrySize)) {
      for (let at = 0; at < piece.byteLength; at += entrySize) {
        const pair = piece.subarray(at, at + pairSize);
        if (!bytesEqual(tagOf(pair, crypt), piece.subarray(at + pairSize, at + entrySize))) continue;
        pairs.set(pair.subarray(0, digestSize), pair.subarray(digestSize));
      }
    }
  }

  /** Notes a chunk that is in the store now. */
  add(digest: Uint8Array, plain: Uint8Array, crypt: CryptConfig): void {
    const pair = concatBytes([digest, plain]);
    this.#record.append(concatBytes([pair, tagOf(pair, crypt)]));
  }
}

function tagOf(pair: Uint8Array, crypt: CryptConfig): Uint8Array {
  return crypt.authTag(pair).subarray(0, tagSize);
}
