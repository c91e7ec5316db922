// Stops the reading of a socket from outside, whoever reads it: a stream's consumer, Node's HTTP parser, which takes
// bytes from below the stream, or one after the other. They go on to start and stop reading as they like; while the gate
// is shut that is only remembered. Node has no such door: this stands between a socket and its native side.

import type { Socket } from 'node:net';

interface NativeSide {
  reading: boolean;
  readStart(): number;
  readStop(): number;
  /** Hands what was read to the stream. */
  onread: (this: unknown, ...args: unknown[]) => unknown;
}

export class ReadGate {
  readonly #native: NativeSide | undefined;
  readonly #start: () => number;
  readonly #stop: () => number;
  #wanted: boolean;
  #shut = false;

  /** Made while nobody but the stream itself has read the socket: only then it knows whether it is being read. */
  constructor(socket: Socket) {
    this.#native = (socket as { _handle?: NativeSide | null })._handle ?? undefined;
    const native = this.#native;
    this.#wanted = native?.reading ?? false;
    this.#start = native?.readStart.bind(native) ?? (() => 0);
    this.#stop = native?.readStop.bind(native) ?? (() => 0);
    if (native === undefined) return;
    native.readStart = () => {
      this.#wanted = true;
      return this.#shut ? 0 : this.#start();
    };
    native.readStop = () => {
      this.#wanted = false;
      return this.#stop();
    };
  }

  /** Calls `afterRead` after each piece that the stream is given; what the parser takes passes it by. */
  watch(afterRead: () => void): void {
    const native = this.#native;
    if (native === undefined) return;
    const { onread } = native;
    native.onread = function (...args) {
      const result = onread.apply(this, args);
      afterRead();
      return result;
    };
  }

  get isShut(): boolean {
    return this.#shut;
  }

  shut(): void {
    if (this.#shut) return;
    this.#shut = true;
    this.#stop();
  }

  open(): void {
    if (!this.#shut) return;
    this.#shut = false;
    if (this.#wanted) this.#start();
  }
}
