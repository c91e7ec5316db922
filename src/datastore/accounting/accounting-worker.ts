// What accounting runs in a thread of its own, where nothing waits for it.

import { freedChunks } from './freed.ts';
import type { AccountingState } from './state.ts';
import { type UpdateRequest, updateAccounting } from './update.ts';

export function update(request: UpdateRequest): void {
  updateAccounting(request);
}

export function freed(base: string, table: AccountingState['table'], removed: Uint32Array): Float64Array {
  return freedChunks(base, table, removed);
}
