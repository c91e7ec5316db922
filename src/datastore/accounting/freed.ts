// What the removal of any set of snapshots would free: the chunks that no other snapshot names. Reads the reference
// table once.

import { compareDigests, partCount } from './digest-records.ts';
import { firstWord, lastWord, recordWords, sizeWord, TableReader } from './reference-table.ts';
import { type AccountingState, accountingDirectory } from './state.ts';

/**
 * Bytes of chunks for each of `removed`, ordinals in the order of removal: what its removal frees when those before it
 * are removed already. A chunk that several of them name is freed by the last one, so the sum is what all of them free.
 */
export function freedChunks(base: string, table: AccountingState['table'], removed: Uint32Array): Float64Array {
  const freed = new Float64Array(removed.length);
  const highest = removed.reduce((most, ordinal) => Math.max(most, ordinal), 0);
  // 1 for the first that is removed; and how many with a lower ordinal are.
  const turn = new Uint32Array(highest + 1);
  const before = new Uint32Array(highest + 2);
  for (const [i, ordinal] of removed.entries()) turn[ordinal] = i + 1;
  for (let i = 0; i <= highest; i++) before[i + 1] = before[i]! + (turn[i] === 0 ? 0 : 1);
  using reader = new TableReader(`${accountingDirectory(base)}/${table.name}`, table);
  for (let part = 0; part < partCount; part++) {
    const records = reader.read(part);
    for (let at = 0; at < records.length; ) {
      const chunk = at;
      let last = 0;
      let isFreed = true;
      for (; at < records.length && compareDigests(records, at, records, chunk) === 0; at += recordWords) {
        const [from, to] = [records[at + firstWord]!, records[at + lastWord]!];
        isFreed &&= to <= highest && before[to + 1]! - before[from]! === to - from + 1;
        for (let i = from; isFreed && i <= to; i++) last = Math.max(last, turn[i]!);
      }
      if (isFreed) freed[last - 1]! += records[chunk + sizeWord]!;
    }
  }
  return freed;
}
