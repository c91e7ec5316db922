// What is needed of a bucket of objects: named bytes that are replaced whole. The one implementation that is not for
// tests is s3-objects.ts.

export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  /** Differs between two contents of one key. */
  etag: string;
}

export interface CallOptions {
  signal?: AbortSignal;
}

/**
 * The objects of one bucket.
 *
 * - What `put` has taken is durable, and every call that begins later sees it, or what replaced it.
 * - Calls that failed for a reason that may pass were repeated before they throw; a `put`, `delete` or `copy` that
 *   throws may have been done all the same.
 * - Errors are `GranaryError`s that name the endpoint, the bucket and the key: `connection` when the server could not
 *   be reached or had no time, `auth-failed`, `certificate`, `aborted`, and `io` for other refusals.
 */
export interface ObjectStore {
  /** The endpoint and the bucket, for texts. */
  readonly label: string;

  /** Stores an object in place of one of that name. With `ifAbsent` only if there is none: false if there was one. */
  put(key: string, bytes: Uint8Array, options?: CallOptions & { ifAbsent?: boolean }): Promise<boolean>;

  /** The whole object; undefined when there is none. */
  get(key: string, options?: CallOptions): Promise<StoredObject | undefined>;

  /** The first `length` bytes of an object, at least one, and what there is of it. */
  start(key: string, length: number, options?: CallOptions): Promise<StoredObject | undefined>;

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;

  /** Objects whose keys begin with `prefix`, in the order of the bytes of their keys. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;

  /** Removes objects; those that are not there are no error. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>;

  /** Copies an object inside the bucket, unless its content is not that of `etag` any more: then false. */
  copy(from: string, to: string, etag: string, options?: CallOptions): Promise<boolean>;

  /** Ends connections that are kept for later calls. */
  close(): void;
}

export interface StoredObject extends ObjectInfo {
  bytes: Uint8Array<ArrayBuffer>;
}

/** What a bucket is asked for, by kind of request, and the bytes of contents. */
export interface Traffic {
  get: number;
  put: number;
  post: number;
  head: number;
  delete: number;
  /** Bytes. */
  upload: number;
  download: number;
}
export type Counted = keyof Traffic;
