// The kinds of chunk storage there are. A new one is a folder, a line here, and a test that calls `chunkStoreSuite`.

import type { ChunkStore } from './contract.ts';
import { type ChunkOrder, DirectoryChunkStore, type SyncLevel } from './directory/directory-store.ts';
import { MemoryChunkStore } from './memory/memory-store.ts';
import type { StoreWorkers } from './workers.ts';

export interface BackendOptions {
  /** The datastore's name, for texts. */
  name: string;
  /** Absolute path of the datastore. */
  base: string;
  syncLevel?: SyncLevel;
  chunkOrder?: ChunkOrder;
  workers?: StoreWorkers;
}

export const backends = [
  {
    name: 'directory',
    summary: 'files below .chunks of the datastore',
    open: (options: BackendOptions): ChunkStore => DirectoryChunkStore.open(options.base, options),
  },
  {
    name: 'memory',
    summary: 'nothing kept: for tests',
    open: (options: BackendOptions): ChunkStore => new MemoryChunkStore({ name: options.name }),
  },
] as const;

export type BackendName = (typeof backends)[number]['name'];

/** Opens a store of a kind. */
export function openChunkStore(backend: BackendName, options: BackendOptions): ChunkStore {
  return backends.find(({ name }) => name === backend)!.open(options);
}
