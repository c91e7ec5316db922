// The kinds of chunk storage there are. A new one is a folder, a line here, and a test that calls `chunkStoreSuite`.

import { GranaryError } from '../base/errors.ts';
import type { ObjectStore } from '../object-store/contract.ts';
import type { ChunkStore } from './contract.ts';
import { type ChunkOrder, DirectoryChunkStore, type SyncLevel } from './directory/directory-store.ts';
import { MemoryChunkStore } from './memory/memory-store.ts';
import { S3ChunkStore } from './s3/s3-store.ts';
import type { StoreWorkers } from './workers.ts';

/** Where chunks are that are objects in a bucket. */
export interface BucketPlace {
  objects: ObjectStore;
  /** What the keys of the datastore begin with, without a slash at the end. */
  prefix: string;
  /** Bytes of chunks that are kept locally; by default as much as there is room for. */
  maxCacheSize?: number | undefined;
}

export interface BackendOptions {
  /** The datastore's name, for texts. */
  name: string;
  /** Absolute path of the datastore. */
  base: string;
  syncLevel?: SyncLevel;
  chunkOrder?: ChunkOrder;
  workers?: StoreWorkers;
  /** Where lock files of this datastore go, and the bucket: for `s3`. */
  lockDirectory?: string;
  bucket?: BucketPlace | undefined;
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
  {
    name: 's3',
    summary: 'objects in a bucket, with markers and a cache in the datastore',
    open: ({ base, name, bucket, lockDirectory, workers }: BackendOptions): ChunkStore => {
      if (!bucket || lockDirectory === undefined) throw new GranaryError('internal', `datastore '${name}': no bucket`);
      return S3ChunkStore.open(base, { ...bucket, name, lockDirectory, workers });
    },
  },
] as const;

export type BackendName = (typeof backends)[number]['name'];

/** Opens a store of a kind. */
export function openChunkStore(backend: BackendName, options: BackendOptions): ChunkStore {
  return backends.find(({ name }) => name === backend)!.open(options);
}
