// One end of an HTTP/2 connection whose frames a test makes by hand, to say what no implementation says.

import type { Duplex } from 'node:stream';
import { type FrameHandler, FrameReader, frameType } from '../h2-frames.ts';

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** One end of a connection by hand: what the other sent as frames, and a way to send any bytes. */
export class RawPeer implements FrameHandler {
  readonly frames: Frame[] = [];
  /** The other has closed its half. */
  ended = false;
  readonly #end: Duplex;
  #waiting: (() => void)[] = [];
  #pieces: Buffer[] = [];

  /** `preface` bytes are skipped in front of the first frame. */
  constructor(end: Duplex, options: { preface: number }) {
    this.#end = end;
    const reader = new FrameReader(this, 2 ** 24);
    let { preface } = options;
    end.on('data', (bytes: Buffer) => {
      const skip = Math.min(preface, bytes.length);
      preface -= skip;
      reader.push(bytes.subarray(skip));
    });
    end.on('error', () => {});
    end.on('close', () => this.#wake());
    end.on('end', () => {
      this.ended = true;
      this.#wake();
    });
  }

  send(...frames: Uint8Array[]): void {
    this.#end.write(Buffer.concat(frames));
  }

  async expect(type: number, stream?: number): Promise<Frame> {
    for (;;) {
      const at = this.frames.findIndex((f) => f.type === type && (stream === undefined || f.stream === stream));
      if (at >= 0) return this.frames.splice(at, 1)[0]!;
      if (this.ended) throw new Error(`the connection ended without a frame of type ${type}`);
      await this.#next();
    }
  }

  /** Resolves once the other has closed its half. */
  async end(): Promise<void> {
    while (!this.ended) await this.#next();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  dataStart(): void {
    this.#pieces = [];
  }

  data(_: number, piece: Uint8Array): void {
    this.#pieces.push(Buffer.from(piece));
  }

  dataEnd(stream: number, endStream: boolean): void {
    this.#add({ type: frameType.data, flags: endStream ? 1 : 0, stream, payload: Buffer.concat(this.#pieces) });
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    this.#add({ type, flags, stream, payload: Buffer.from(payload) });
  }

  #add(frame: Frame): void {
    this.frames.push(frame);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
