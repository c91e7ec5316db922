// A bucket in memory, for tests that are about something else than a server, and as the plain reference.

import { createHash } from 'node:crypto';
import type { CallOptions, ObjectInfo, ObjectStore, StoredObject } from '../contract.ts';

export class MemoryObjects implements ObjectStore {
  readonly label = 'bucket in memory';
  readonly contents = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Called before each change; what it throws is what the change throws. */
  before: (what: 'put' | 'delete' | 'copy', key: string) => void = () => {};

  async put(key: string, bytes: Uint8Array, o: CallOptions & { ifAbsent?: boolean } = {}): Promise<boolean> {
    this.before('put', key);
    if (o.ifAbsent && this.contents.has(key)) return false;
    this.contents.set(key, Uint8Array.from(bytes));
    return true;
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const bytes = this.contents.get(key);
    return bytes && { ...info(key, bytes), bytes: Uint8Array.from(bytes) };
  }

  async start(key: string, length: number): Promise<StoredObject | undefined> {
    const bytes = this.contents.get(key);
    return bytes && { ...info(key, bytes), bytes: bytes.slice(0, length) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const bytes = this.contents.get(key);
    return bytes && info(key, bytes);
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const keys = [...this.contents.keys()].filter((key) => key.startsWith(prefix));
    for (const key of keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
      const bytes = this.contents.get(key);
      if (bytes) yield info(key, bytes);
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.before('delete', key);
      this.contents.delete(key);
    }
  }

  async copy(from: string, to: string, etag: string): Promise<boolean> {
    this.before('copy', to);
    const bytes = this.contents.get(from);
    if (!bytes || info(from, bytes).etag !== etag) return false;
    this.contents.set(to, bytes);
    return true;
  }

  close(): void {}
}

function info(key: string, bytes: Uint8Array): ObjectInfo {
  return { key, size: bytes.byteLength, etag: createHash('md5').update(bytes).digest('hex') };
}
