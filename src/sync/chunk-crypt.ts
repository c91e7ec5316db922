// The keys of a run that decrypts or encrypts, and the threads that do it (sync.md 10).

import { availableParallelism } from 'node:os';
import { concatBytes } from '../base/bytes.ts';
import type { SharedArena } from '../base/shared-arena.ts';
import { WorkerPool } from '../base/worker-pool.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import { unsealBlob } from '../format/blob.ts';
import { encryptedKeyName } from '../model/names.ts';
import type { ChunkToTurn, CryptWorkerInit, TurnedChunk } from './crypt-worker.ts';

export interface ChunkCryptOptions {
  keys: readonly CryptConfig[];
  /** Where the chunks lie. */
  memory: SharedArena;
  /** 0 works in this thread. */
  threads?: number;
}

/** Nothing may be under way any more when it is disposed of. */
export class ChunkCrypt implements AsyncDisposable {
  readonly #keys: readonly CryptConfig[];
  readonly #pool: WorkerPool;

  constructor({ keys, memory, threads = Math.min(4, availableParallelism()) }: ChunkCryptOptions) {
    this.#keys = keys;
    const init: CryptWorkerInit = { buffer: memory.buffer, encKeys: keys.map(({ encKey }) => encKey) };
    const file = new URL('./crypt-worker.ts', import.meta.url);
    this.#pool = new WorkerPool({ size: threads, file, name: 'crypt', init });
  }

  /** The key of that fingerprint, if it is among those that were given. */
  key(fingerprint: string): CryptConfig | undefined {
    return this.#keys.find((key) => key.fingerprint === fingerprint);
  }

  /** Checks an encrypted container and puts the plain one in its place. Throws `blob-invalid` or `digest-mismatch`. */
  unseal(chunk: Omit<ChunkToTurn, 'key'>, crypt: CryptConfig): Promise<TurnedChunk> {
    return this.#pool.run('unseal', [{ ...chunk, key: this.#keys.indexOf(crypt) }]);
  }

  /** Checks a plain container and puts the encrypted one in its place, which is `sealGrowth` longer. Throws likewise. */
  seal(chunk: Omit<ChunkToTurn, 'key'>, crypt: CryptConfig): Promise<TurnedChunk> {
    return this.#pool.run('seal', [{ ...chunk, key: this.#keys.indexOf(crypt) }]);
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
