// The client end of one HTTP/2 connection, which Node's own client would cut into frames of 16 KiB and copy
// (docs/decisions/0002). Frames and flow control are in h2-endpoint.ts.

import type { Duplex } from 'node:stream';
import { GranaryError } from '../base/errors.ts';
import { H2Endpoint, H2Stream, ownMaxFrame } from './h2-endpoint.ts';
import { connectionPreface, errorCode, errorName, maxWindow, setting, violation } from './h2-frames.ts';
import type { HeaderField } from './hpack.ts';

const ownStreamWindow = 4 * 1024 * 1024;
/** How long a peer may take to close its half after we closed ours. */
const closeTimeoutMs = 1000;

/** Takes the answer to one request. After `end` or `fail` nothing more is called. */
export interface Receiver {
  headers(status: number, fields: readonly HeaderField[]): void;
  /** `piece` is valid during the call. The receiver gives `credit` when it has room for as many bytes more. */
  data(piece: Uint8Array): void;
  end(): void;
  fail(error: GranaryError): void;
}

/** One request and its answer. */
export interface RequestStream {
  /** Allows the peer to send `length` bytes more. */
  credit(length: number): void;
  /** Gives up: the peer is told, and the receiver hears nothing more. */
  cancel(): void;
}

class ClientStream extends H2Stream {
  readonly fields: readonly HeaderField[];
  readonly receiver: Receiver;
  /** Bytes taken by the receiver and not yet given back to the peer. */
  credit = 0;
  answered = false;

  constructor(fields: readonly HeaderField[], body: readonly Uint8Array[], receiver: Receiver) {
    super();
    this.fields = fields;
    this.receiver = receiver;
    this.receiveWindow = ownStreamWindow;
    this.addBody(body);
  }
}

export class H2Connection extends H2Endpoint<ClientStream> {
  /** Resolves when the connection is gone: with the reason unless it was closed in order. */
  readonly closed: Promise<GranaryError | undefined>;
  readonly #resolveClosed: (error: GranaryError | undefined) => void;
  /** Names the peer in error messages. */
  readonly #peer: string;
  /** Requests that wait for the peer's stream limit. */
  readonly #waiting: ClientStream[] = [];
  #nextId = 1;
  #goneAway = false;
  /** One request, until the peer's SETTINGS tell how many it takes. */
  #maxStreams = 1;
  #knowsLimit = false;

  constructor(socket: Duplex, peer: string) {
    super(socket, connectionPreface, [
      [setting.enablePush, 0],
      [setting.initialWindowSize, ownStreamWindow],
      [setting.maxFrameSize, ownMaxFrame],
    ]);
    const { promise, resolve } = Promise.withResolvers<GranaryError | undefined>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#peer = peer;
    this.start();
  }

  /**
   * Sends a request; `body` must not change before the answer is complete. The receiver is never called before
   * this returns.
   */
  request(fields: readonly HeaderField[], body: readonly Uint8Array[], receiver: Receiver): RequestStream {
    const stream = new ClientStream(fields, body, receiver);
    if (this.failure || this.ending || this.#goneAway) {
      const error = this.failure ?? new GranaryError('connection', `connection to ${this.#peer} is closed`);
      queueMicrotask(() => receiver.fail(error));
    } else {
      this.#waiting.push(stream);
      this.#startWaiting();
      this.pump();
    }
    return {
      credit: (length) => this.#creditStream(stream, length),
      cancel: () => this.#cancel(stream),
    };
  }

  /** Says goodbye and closes; requests under way fail with `aborted`. */
  close(): void {
    if (this.ending || this.failure) return;
    this.#failAll(new GranaryError('aborted', `connection to ${this.#peer} was closed`));
    this.sendGoAway(errorCode.none);
    this.ending = true;
    this.socket.end(this.takeControl());
    const timer = setTimeout(() => this.socket.destroy(), closeTimeoutMs);
    void this.closed.then(() => clearTimeout(timer));
  }

  /** Drops the connection; requests under way fail with `error`. */
  destroy(error: GranaryError): void {
    if (this.failure) return;
    this.failure = error;
    this.#failAll(error);
    this.socket.destroy();
    this.#resolveClosed(error);
  }

  protected override fail(error: GranaryError): void {
    this.destroy(error);
  }

  protected override onDataStart(stream: ClientStream): void {
    if (!stream.answered) throw violation('DATA in front of the answer');
  }

  protected override onData(stream: ClientStream, piece: Uint8Array): void {
    stream.receiver.data(piece);
  }

  protected override onDataEnd(stream: ClientStream, endStream: boolean, padding: number): void {
    if (endStream) this.#answerEnded(stream);
    else if (padding > 0) this.#creditStream(stream, padding);
  }

  protected override onFields(id: number, fields: readonly HeaderField[], endStream: boolean): void {
    const stream = this.known(id);
    if (!stream) return;
    if (!stream.answered) {
      const status = Number(fields.find(([name]) => name === ':status')?.[1]);
      if (!Number.isInteger(status) || status < 100 || status > 999) throw violation('an answer without status');
      if (status < 200) return;
      stream.answered = true;
      stream.receiver.headers(status, fields);
    }
    if (endStream) this.#answerEnded(stream);
  }

  protected override onReset(stream: ClientStream, code: number): void {
    this.#startWaiting();
    const text = `${this.#peer} ended the request without an answer: ${errorName(code)}`;
    stream.receiver.fail(new GranaryError('connection', text, { details: { code } }));
  }

  protected override onSettings(maxStreams: number | undefined): void {
    if (maxStreams !== undefined) this.#maxStreams = maxStreams;
    // It named no limit in its first SETTINGS, and so has none.
    else if (!this.#knowsLimit) this.#maxStreams = Number.POSITIVE_INFINITY;
    this.#knowsLimit = true;
    this.#startWaiting();
  }

  protected override onGoAway(last: number, code: number): void {
    this.#goneAway = true;
    const reason = code === errorCode.none ? 'is closing the connection' : `gave up the connection: ${errorName(code)}`;
    const error = new GranaryError('connection', `${this.#peer} ${reason}`, { details: { code } });
    for (const stream of this.#waiting.splice(0)) stream.receiver.fail(error);
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= last) continue;
      this.forget(stream);
      stream.receiver.fail(error);
    }
    if (code !== errorCode.none) this.destroy(error);
  }

  protected override onAcknowledged(): void {}

  protected override onWritten(): void {}

  protected override known(id: number): ClientStream | undefined {
    if (id % 2 === 0 || id >= this.#nextId) throw violation(`a frame of stream ${id}, which was never opened`);
    return this.streams.get(id);
  }

  #answerEnded(stream: ClientStream): void {
    if (!stream.answered) throw violation('the end of an answer without its start');
    // An answer may come before the whole body was sent: what is left of it is of no use then.
    if (stream.left > 0) this.reset(stream, errorCode.cancel);
    else this.forget(stream);
    this.#startWaiting();
    stream.receiver.end();
  }

  protected override onLost(cause: Error | undefined): void {
    if (this.failure) return;
    if (this.ending || (cause === undefined && this.streams.size === 0 && this.#waiting.length === 0)) {
      this.#goneAway = true;
      this.socket.destroy();
      this.#resolveClosed(undefined);
      return;
    }
    const reason = cause ? `: ${cause.message}` : '';
    this.destroy(new GranaryError('connection', `connection to ${this.#peer} was lost${reason}`, { cause }));
  }

  #failAll(error: GranaryError): void {
    for (const stream of [...this.forgetAll(), ...this.#waiting.splice(0)]) stream.receiver.fail(error);
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.streams.size < this.#maxStreams) {
      if (this.#nextId > maxWindow) {
        const error = new GranaryError(
          'connection',
          `connection to ${this.#peer} has had all the requests it can have`,
        );
        for (const stream of this.#waiting.splice(0)) stream.receiver.fail(error);
        return;
      }
      const stream = this.#waiting.shift()!;
      stream.id = this.#nextId;
      this.#nextId += 2;
      this.open(stream);
      this.sendFields(stream, stream.fields);
    }
  }

  #cancel(stream: ClientStream): void {
    const at = this.#waiting.indexOf(stream);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (!this.streams.has(stream.id)) return;
    this.reset(stream, errorCode.cancel);
    this.#startWaiting();
    this.pump();
  }

  #creditStream(stream: ClientStream, length: number): void {
    if (!this.streams.has(stream.id)) return;
    stream.credit += length;
    if (stream.credit < ownStreamWindow / 2) return;
    this.allow(stream, stream.credit);
    stream.credit = 0;
    this.pump();
  }
}
