// The keys of a pull that decrypts, and the threads that do it (sync.md 10).

import { availableParallelism } from 'node:os';
import { concatBytes } from '../base/bytes.ts';
import type { SharedArena } from '../base/shared-arena.ts';
import { WorkerPool } from '../base/worker-pool.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import { unsealBlob } from '../format/blob.ts';
import { encryptedKeyName } from '../model/names.ts';
import type { DecryptWorkerInit, SealedChunk, UnsealedChunk } from './decrypt-worker.ts';

export interface DecryptionOptions {
  keys: readonly CryptConfig[];
  /** Where the chunks lie that are decrypted. */
  memory: SharedArena;
  /** 0 works in this thread. */
  threads?: number;
}

/** Nothing may be under way any more when it is disposed of. */
export class Decryption implements AsyncDisposable {
  readonly #keys: readonly CryptConfig[];
  readonly #pool: WorkerPool;

  constructor({ keys, memory, threads = Math.min(4, availableParallelism()) }: DecryptionOptions) {
    this.#keys = keys;
    const init: DecryptWorkerInit = { buffer: memory.buffer, encKeys: keys.map(({ encKey }) => encKey) };
    const file = new URL('./decrypt-worker.ts', import.meta.url);
    this.#pool = new WorkerPool({ size: threads, file, name: 'decrypt', init });
  }

  /** The key of that fingerprint, if it is among those that were given. */
  key(fingerprint: string): CryptConfig | undefined {
    return this.#keys.find((key) => key.fingerprint === fingerprint);
  }

  /** Checks a container and puts the plain one in its place. Throws `blob-invalid` or `digest-mismatch`. */
  unseal(chunk: Omit<SealedChunk, 'key'>, crypt: CryptConfig): Promise<UnsealedChunk> {
    return this.#pool.run('unseal', [{ ...chunk, key: this.#keys.indexOf(crypt) }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

/** A stored blob without its encryption. The sealed key of a master key is plain whatever the manifest says. */
export function unsealFile(name: string, raw: Uint8Array, crypt: CryptConfig): Uint8Array {
  if (name === encryptedKeyName) return raw;
  const { header, body } = unsealBlob(raw, { what: name, crypt });
  return concatBytes([header, body]);
}
