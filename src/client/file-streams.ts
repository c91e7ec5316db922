// Archives in files and pipes as the byte interfaces of base/io: a sink that writes, a stream that reads.

import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import type { ByteSink } from '../base/io.ts';
import { throwIfAborted } from '../base/streams.ts';

const bufferSize = 1024 * 1024;

/** Writes to an open file or pipe through one buffer. `finish` writes what is left; the handle stays the caller's. */
export class FileSink implements ByteSink {
  readonly #handle: { fd: number; write: FileHandle['write'] };
  readonly #name: string;
  readonly #buffer = Buffer.allocUnsafe(bufferSize);
  #used = 0;
  position = 0;

  constructor(handle: FileHandle, name: string) {
    this.#handle = handle;
    this.#name = name;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#used + bytes.byteLength <= bufferSize) {
      this.#buffer.set(bytes, this.#used);
      this.commit(bytes.byteLength);
      return;
    }
    return this.#writeLarge(bytes);
  }

  reserve(max: number): Uint8Array | Promise<Uint8Array> {
    const room = (): Uint8Array => this.#buffer.subarray(this.#used, Math.min(bufferSize, this.#used + max));
    return this.#used <= bufferSize / 2 ? room() : this.#flush().then(room);
  }

  commit(length: number): void {
    this.#used += length;
    this.position += length;
  }

  async finish(): Promise<void> {
    await this.#flush();
  }

  async #writeLarge(bytes: Uint8Array): Promise<void> {
    await this.#flush();
    await this.#writeAll(bytes);
    this.position += bytes.byteLength;
  }

  async #flush(): Promise<void> {
    await this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.byteLength) {
      try {
        at += (await this.#handle.write(bytes, at, bytes.byteLength - at)).bytesWritten;
      } catch (error) {
        // A pipe whose other end made it non-blocking is only full.
        if (!isErrno(error, 'EAGAIN')) {
          throw new GranaryError('io', `cannot write to ${this.#name}: ${messageOf(error)}`, { cause: error });
        }
        await sleep(1);
      }
    }
  }
}

/** The bytes of a file or pipe in pieces of up to 1 MiB; each piece is valid until the next one is asked for. */
export async function* readFileStream(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw new GranaryError('io', `cannot open '${path}': ${messageOf(error)}`, { cause: error });
  }
  const buffers = [Buffer.allocUnsafe(bufferSize), Buffer.allocUnsafe(bufferSize)] as const;
  try {
    for (let turn = 0; ; turn++) {
      throwIfAborted(signal);
      const buffer = buffers[(turn % 2) as 0 | 1];
      const { bytesRead } = await handle.read(buffer, 0, bufferSize);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    if (error instanceof GranaryError) throw error;
    throw new GranaryError('io', `cannot read '${path}': ${messageOf(error)}`, { cause: error });
  } finally {
    await handle.close();
  }
}
