// The two byte interfaces that formats and transports share, so that neither knows the other.

/**
 * Where an archive writer puts its bytes. Pushed, but bounded: a call that returns a promise has no
 * room, and nothing may be written until it has settled. Small pieces are copied by `write`; file
 * content is read straight into the room that `reserve` gives, so that it is not copied at all.
 */
export interface ByteSink {
  /** Bytes written so far: the offset of the next byte. */
  readonly position: number;
  /** Appends a copy of `bytes`. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Gives writable room of 1 to `max` bytes, valid until the next call on this sink. */
  reserve(max: number): Uint8Array | Promise<Uint8Array>;
  /** Appends the first `length` bytes of the room given by the last `reserve`. */
  commit(length: number): void;
}

/** Random access to content of known size. */
export interface ReadAt {
  readonly size: number;
  /** Exactly `length` bytes from `offset`; a range that is not wholly inside the content is a RangeError. */
  readAt(offset: number, length: number): Promise<Uint8Array>;
}

/** A `ByteSink` that keeps everything in memory: for tests and small archives. */
export class MemorySink implements ByteSink {
  #buffer = new Uint8Array(64 * 1024);
  position = 0;

  #room(length: number): void {
    if (this.position + length <= this.#buffer.byteLength) return;
    const bigger = new Uint8Array(Math.max(this.#buffer.byteLength * 2, this.position + length));
    bigger.set(this.#buffer.subarray(0, this.position));
    this.#buffer = bigger;
  }

  write(bytes: Uint8Array): void {
    this.#room(bytes.byteLength);
    this.#buffer.set(bytes, this.position);
    this.position += bytes.byteLength;
  }

  reserve(max: number): Uint8Array {
    const length = Math.min(max, 1024 * 1024);
    this.#room(length);
    return this.#buffer.subarray(this.position, this.position + length);
  }

  commit(length: number): void {
    this.position += length;
  }

  /** Everything written so far; a view, valid until the next call. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.position);
  }
}

/** `ReadAt` over bytes in memory. */
export class MemoryReadAt implements ReadAt {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  async readAt(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.#bytes.byteLength) {
      throw new RangeError(`range ${offset}+${length} is outside of ${this.#bytes.byteLength} bytes`);
    }
    return this.#bytes.subarray(offset, offset + length);
  }
}
