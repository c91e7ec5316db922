// HTTP/2 frame by frame over an upgraded connection, to say what no client library says.

import type { Duplex } from 'node:stream';
import { encodeFrame, encodeSettings, FrameReader, frameFlag, frameType } from '../../wire/h2-frames.ts';
import { encodeHeaders, HpackDecoder } from '../../wire/hpack.ts';

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

export interface FrameAnswer {
  status: string | undefined;
  text: string;
}

export class FrameClient {
  readonly frames: Frame[] = [];
  readonly #socket: Duplex;
  readonly #hpack = new HpackDecoder();
  readonly #answers = new Map<number, FrameAnswer & { ended: boolean }>();
  readonly #waiting: (() => void)[] = [];
  closed = false;

  /** Sends the preface and these settings. */
  constructor(socket: Duplex, settings: readonly (readonly [number, number])[] = []) {
    this.#socket = socket;
    const reader = new FrameReader(
      {
        dataStart: () => {},
        data: (stream, piece) => {
          this.#answer(stream).text += Buffer.from(piece).toString('latin1');
        },
        dataEnd: (stream, endStream) => {
          this.frames.push({ type: frameType.data, flags: 0, stream, payload: Buffer.alloc(0) });
          if (endStream) this.#answer(stream).ended = true;
        },
        frame: (type, flags, stream, payload) => this.#frame(type, flags, stream, Buffer.from(payload)),
      },
      2 ** 24 - 1,
    );
    socket.on('data', (bytes: Buffer) => {
      reader.push(bytes);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    socket.on('close', () => {
      this.closed = true;
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'), encodeSettings(settings));
  }

  write(...frames: Uint8Array[]): void {
    this.#socket.write(Buffer.concat(frames));
  }

  /** The frames of a request whose header block is cut into pieces of `piece` bytes. */
  request(
    stream: number,
    method: string,
    path: string,
    options: { piece?: number; open?: boolean; fields?: readonly (readonly [string, string])[] } = {},
  ): Buffer {
    const block = encodeHeaders([
      [':method', method],
      [':scheme', 'https'],
      [':authority', 'anything'],
      [':path', path],
      ...(options.fields ?? []),
    ]);
    const piece = options.piece ?? block.length;
    const parts: Buffer[] = [];
    for (let at = 0; at < block.length; at += piece) {
      const type = at === 0 ? frameType.headers : frameType.continuation;
      const last = at + piece >= block.length ? frameFlag.endHeaders : 0;
      const end = at === 0 && !options.open ? frameFlag.endStream : 0;
      parts.push(encodeFrame(type, last | end, stream, block.subarray(at, at + piece)));
    }
    return Buffer.concat(parts);
  }

  /** Resolves once `what` gives something, also when the connection ends before. */
  async until<T>(what: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = what();
      if (found !== undefined && found !== false) return found;
      if (this.closed) throw new Error('the connection was closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The whole answer on a stream. */
  answer(stream: number): Promise<FrameAnswer> {
    return this.until(() => {
      const answer = this.#answers.get(stream);
      return answer?.ended ? { status: answer.status, text: answer.text } : undefined;
    });
  }

  #answer(stream: number): FrameAnswer & { ended: boolean } {
    const known = this.#answers.get(stream) ?? { status: undefined, text: '', ended: false };
    this.#answers.set(stream, known);
    return known;
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    this.frames.push({ type, flags, stream, payload });
    if (type === frameType.headers) {
      const fields = this.#hpack.decode(payload);
      const answer = this.#answer(stream);
      answer.status = fields.find(([name]) => name === ':status')?.[1];
      if ((flags & frameFlag.endStream) !== 0) answer.ended = true;
    } else if (type === frameType.settings && (flags & frameFlag.ack) === 0) {
      this.write(encodeFrame(frameType.settings, frameFlag.ack, 0, new Uint8Array()));
    }
  }
}
