// The server end of one HTTP/2 connection: made for uploads, which it copies once, from where TLS has put them into the
// memory that the handler gives. Node's own server makes several objects and a copy of each 16 KiB.
//
// A stream's window is small until its handler reads it, and then as large as the body may be: an upload that waits for
// room holds next to nothing (docs/decisions/0001).

import type { Duplex } from 'node:stream';
import { copyBytes } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { H2Endpoint, H2Stream, maxHeaderBlock, ownMaxFrame } from './h2-endpoint.ts';
import {
  connectionPreface,
  defaultWindow,
  encodeFrame,
  errorCode,
  frameFlag,
  frameType,
  setting,
  violation,
} from './h2-frames.ts';
import { areTrailers, type RequestHead, readRequestHead } from './h2-request.ts';
import type { HeaderField } from './hpack.ts';

/** Requests at once, and with them windows of waiting uploads. */
export const maxStreams = 200;
/** Requests whose stream is over but whose handler still works count too, up to this many. */
const maxHandlers = 2 * maxStreams;
/** Window of a stream whose body nobody wants: refilled as it is used. */
const discardWindow = 1024 * 1024;
/** More than this beyond what was announced is never sent: what does not fit must show. */
const overrun = 64 * 1024;
/** Streams that were reset here, of which the peer may still send what it had on its way. */
const maxRemembered = 1000;
/** Resets by the peer and frames without use: so many at once, so many a second. */
const uselessBurst = 1000;
const uselessPerSecond = 33;
const closeTimeoutMs = 1000;

/** What becomes of a body's pieces. */
interface Sink {
  /** `piece` is valid during the call. */
  data(piece: Uint8Array): void;
  end(): void;
  lost(): void;
}

const unwanted: Sink = { data: () => {}, end: () => {}, lost: () => {} };

/** How the connection ended. */
export interface H2End {
  /** The peer had sent its SETTINGS. */
  greeted: boolean;
  /** Absent when the peer closed in order. */
  error?: Error;
  /** Code of the peer's GOAWAY, if it was an error. */
  goAwayCode?: number;
}

export interface H2ServerOptions {
  /** Bytes that came with the request for the upgrade and belong to HTTP/2. */
  head?: Buffer | undefined;
  /** What the peer may send of a body before its handler reads it: at most 65535 bytes. */
  streamWindow: number;
  /** Answers a request; never rejects. */
  onRequest(stream: ServerStream): Promise<void>;
}

/** One request and its answer. */
export class ServerStream extends H2Stream {
  readonly head: RequestHead;
  readonly #connection: StreamOwner;
  /** The peer has sent all of the body. */
  #ended: boolean;
  #gone = false;
  #answered = false;
  #received = 0;
  /** What came before somebody read: never more than the first window. */
  readonly #held = new CollectedBytes(defaultWindow);
  #sink: Sink | undefined;
  #whenWritten: (() => void) | undefined;
  readonly #onGone: (() => void)[] = [];

  constructor(connection: StreamOwner, id: number, head: RequestHead, ended: boolean, window: number) {
    super();
    this.#connection = connection;
    this.id = id;
    this.head = head;
    this.#ended = ended;
    this.receiveWindow = window;
    this.last = false;
  }

  /** The stream was reset or its connection lost: nothing can be answered any more. */
  get gone(): boolean {
    return this.#gone;
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** The peer has sent all of the body. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Somebody takes the body. */
  get reading(): boolean {
    return this.#sink !== undefined;
  }

  /** Nothing of either half is to come. */
  get over(): boolean {
    return this.#ended && this.last && this.left === 0;
  }

  /** Calls `listener` once when the stream goes before its answer was sent; the function returned takes it back. */
  whenGone(listener: () => void): () => void {
    if (this.#gone) listener();
    else this.#onGone.push(listener);
    return () => {
      const at = this.#onGone.indexOf(listener);
      if (at >= 0) this.#onGone.splice(at, 1);
    };
  }

  /**
   * Copies the body into `target`, which is not touched any more afterwards. Resolves with the number of bytes that
   * came, also, and at once, when they are more than fit. Rejects with `connection` when the stream goes before.
   */
  readInto(target: Uint8Array): Promise<number> {
    let length = 0;
    return this.#read(target.byteLength + overrun - this.#received, (piece, end) => {
      if (length + piece.byteLength <= target.byteLength) copyBytes(target, piece, length);
      length += piece.byteLength;
      if (length > target.byteLength) end();
    }).then(() => length);
  }

  /** Collects a short body; undefined when it is longer than `limit`. Rejects like `readInto`. */
  async collect(limit: number): Promise<Uint8Array | undefined> {
    const collected = new CollectedBytes(limit);
    let whole = true;
    await this.#read(limit + overrun - this.#received, (piece, end) => {
      whole = collected.add(piece);
      if (!whole) end();
    });
    return whole ? collected.bytes : undefined;
  }

  /** Reads the body and throws it away. Rejects like `readInto`. */
  discard(): Promise<void> {
    return this.#read(discardWindow, () => {
      if (this.receiveWindow < discardWindow / 2) this.#allow(discardWindow);
    });
  }

  /** Gives every piece to `take` until the body or `take` ends it; what comes after that is thrown away. */
  #read(window: number, take: (piece: Uint8Array, end: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(new GranaryError('connection', 'connection lost during upload'));
      const end = (): void => {
        this.#sink = unwanted;
        resolve();
      };
      if (this.#gone) return lost();
      const held = this.#held.bytes;
      this.#held.drop();
      this.#sink = { data: (piece) => take(piece, end), end: resolve, lost };
      if (held.byteLength > 0) this.#sink.data(held);
      if (this.#ended) resolve();
      else if (this.#sink !== unwanted) this.#allow(window);
    });
  }

  /** Sends status and fields, and a whole body. Resolves when it was sent to its end, with false when it will not be. */
  answer(fields: readonly HeaderField[], body?: Uint8Array): Promise<boolean> {
    if (this.#gone || this.#answered) return Promise.resolve(false);
    this.last = true;
    if (body) this.addBody([body]);
    const sent = this.left > 0 ? this.#written() : Promise.resolve(true);
    this.#start(fields);
    return sent;
  }

  /** Sends status and fields; the body follows by `write` and `end`. */
  begin(fields: readonly HeaderField[]): void {
    if (!this.#gone && !this.#answered) this.#start(fields);
  }

  /** Sends a part of the body. Resolves when it was sent, with false when it will not be. */
  write(piece: Uint8Array): Promise<boolean> {
    if (this.#gone) return Promise.resolve(false);
    if (piece.byteLength === 0) return Promise.resolve(true);
    this.addBody([piece]);
    const sent = this.#written();
    this.#connection.sendMore(this);
    return sent;
  }

  end(): void {
    if (this.#gone) return;
    this.last = true;
    this.#connection.sendEnd(this);
  }

  /** Ends the stream at once; the peer cannot take what it has for a whole answer. */
  abort(): void {
    if (!this.#gone) this.#connection.abort(this, errorCode.internal);
  }

  #start(fields: readonly HeaderField[]): void {
    this.#answered = true;
    this.#connection.sendAnswer(this, fields);
    // What the peer still sends of the body is thrown away, so that it can end its half.
    if (!this.#ended) this.discard().catch(() => {});
  }

  #written(): Promise<boolean> {
    return new Promise((resolve) => {
      const goneBefore = this.whenGone(() => resolve(false));
      this.#whenWritten = () => {
        goneBefore();
        resolve(true);
      };
    });
  }

  /** Lets the peer send until it may send `window` bytes. */
  #allow(window: number): void {
    if (!this.#ended && this.receiveWindow < window) this.#connection.allowMore(this, window - this.receiveWindow);
  }

  // ---- what the connection tells

  /** False when the body is longer than the peer said. */
  take(piece: Uint8Array): boolean {
    this.#received += piece.byteLength;
    if (this.head.contentLength !== undefined && this.#received > this.head.contentLength) return false;
    if (this.#sink) this.#sink.data(piece);
    else this.#held.add(piece);
    return true;
  }

  /** False when the body is shorter than the peer said. */
  takeEnd(): boolean {
    this.#ended = true;
    if (this.head.contentLength !== undefined && this.#received !== this.head.contentLength) return false;
    this.#sink?.end();
    return true;
  }

  written(): void {
    const tell = this.#whenWritten;
    this.#whenWritten = undefined;
    tell?.();
  }

  lose(): void {
    this.#gone = true;
    this.#held.drop();
    this.body.length = 0;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.lost();
    for (const listener of this.#onGone.splice(0)) listener();
  }
}

/** Joins pieces as they come, in at most twice their memory however small they are. */
class CollectedBytes {
  readonly #limit: number;
  #buffer = Buffer.alloc(0);
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** False when they are more than the limit now; then nothing is added. */
  add(piece: Uint8Array): boolean {
    const length = this.#length + piece.byteLength;
    if (length > this.#limit) return false;
    if (length > this.#buffer.byteLength) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, Math.min(this.#limit, 2 * length)));
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
    return true;
  }

  drop(): void {
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
  }
}

/** What a stream asks of its connection. */
interface StreamOwner {
  allowMore(stream: ServerStream, length: number): void;
  sendAnswer(stream: ServerStream, fields: readonly HeaderField[]): void;
  sendMore(stream: ServerStream): void;
  sendEnd(stream: ServerStream): void;
  abort(stream: ServerStream, code: number): void;
}

export class H2Server extends H2Endpoint<ServerStream> implements StreamOwner {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<H2End>;
  readonly #resolveClosed: (end: H2End) => void;
  readonly #options: H2ServerOptions;
  /** Bytes of the preface that have come. */
  #prefaced = 0;
  #lastId = 0;
  /** The peer knows our SETTINGS. */
  #acknowledged = false;
  /** Bytes of DATA so far. */
  #early = 0;
  /** Of the DATA frame that is coming in. */
  #frameLength = 0;
  #handlers = 0;
  /** Ids of streams that were reset here, oldest first. */
  readonly #remembered = new Set<number>();
  #leaving = false;
  #goAwayCode: number | undefined;
  #over = false;
  #pumpDue = false;
  #useless = uselessBurst;
  #uselessSince = performance.now();

  constructor(socket: Duplex, options: H2ServerOptions) {
    super(socket, new Uint8Array(), [
      [setting.maxConcurrentStreams, maxStreams],
      [setting.initialWindowSize, options.streamWindow],
      [setting.maxFrameSize, ownMaxFrame],
      [setting.maxHeaderListSize, maxHeaderBlock],
    ]);
    const { promise, resolve } = Promise.withResolvers<H2End>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#options = options;
    this.start();
    if (socket.destroyed) this.onLost(undefined);
    if (options.head && options.head.byteLength > 0) this.receive(options.head);
  }

  /** Ends the connection at once, whatever is still to be written; `error` is how it ended. */
  drop(error?: Error): void {
    this.#end(error);
    this.socket.destroy();
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.failure ??= new GranaryError('connection', error?.message ?? 'the connection was closed');
    for (const stream of this.forgetAll()) stream.lose();
    this.#resolveClosed({
      greeted: this.greeted,
      ...(error === undefined ? {} : { error }),
      ...(this.#goAwayCode === undefined ? {} : { goAwayCode: this.#goAwayCode }),
    });
  }

  protected override fail(error: GranaryError): void {
    this.failure = error;
    this.#end(error);
    // The peer gets to read the GOAWAY, but not to keep the connection.
    this.#close();
  }

  #close(): void {
    const rest = this.takeControl();
    // An empty write would make TLS look for more input in the middle of what it has handed on.
    if (rest.byteLength > 0) this.socket.end(rest);
    else this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), closeTimeoutMs);
    this.socket.once('close', () => clearTimeout(timer));
  }

  protected override get lastTaken(): number {
    return this.#lastId;
  }

  protected override onLost(cause: Error | undefined): void {
    this.#end(cause);
    this.socket.destroy();
  }

  protected override takeBytes(bytes: Uint8Array): void {
    const rest = connectionPreface.subarray(this.#prefaced, this.#prefaced + bytes.byteLength);
    if (Buffer.compare(rest, bytes.subarray(0, rest.byteLength)) !== 0) throw violation('no HTTP/2 preface');
    this.#prefaced += rest.byteLength;
    super.takeBytes(bytes.subarray(rest.byteLength));
  }

  // ---- streams

  protected override known(id: number): ServerStream | undefined {
    if (id % 2 === 0 || id > this.#lastId) throw violation(`a frame of stream ${id}, which was never opened`);
    return this.streams.get(id);
  }

  override dataStart(id: number, length: number): void {
    this.#frameLength = length;
    this.#early += length;
    // Only who has read our SETTINGS can know of a connection window beyond the first.
    if (this.#early > defaultWindow) this.onAcknowledged();
    super.dataStart(id, length);
    const stream = this.streams.get(id);
    if (stream ? stream.ended : !this.#remembered.has(id)) throw streamClosed(id);
  }

  protected override onFields(id: number, fields: readonly HeaderField[], endStream: boolean): void {
    if (id % 2 === 0) throw violation(`a request on stream ${id}`);
    if (id > this.#lastId) {
      this.#lastId = id;
      this.#newRequest(id, fields, endStream);
      return;
    }
    const stream = this.streams.get(id);
    if (!stream) {
      if (!this.#remembered.has(id)) throw streamClosed(id);
      return;
    }
    if (stream.ended) throw streamClosed(id);
    if (!endStream || !areTrailers(fields)) this.abort(stream, errorCode.protocol);
    else this.#bodyEnded(stream);
  }

  #newRequest(id: number, fields: readonly HeaderField[], endStream: boolean): void {
    const head = readRequestHead(fields);
    const window = this.#acknowledged ? this.#options.streamWindow : defaultWindow;
    const stream = new ServerStream(this, id, head ?? noHead, endStream, window);
    this.open(stream);
    const malformed = !head || (endStream && (head.contentLength ?? 0) > 0);
    if (malformed || this.#isFull()) {
      this.#countUseless();
      this.abort(stream, malformed ? errorCode.protocol : errorCode.refusedStream);
      return;
    }
    this.#handlers++;
    void this.#options.onRequest(stream).finally(() => {
      this.#handlers--;
    });
  }

  #isFull(): boolean {
    if (this.#leaving || this.#handlers >= maxHandlers) return true;
    if (this.streams.size <= maxStreams) return false;
    // Those whose end the peer may know of before we learn that it was written do not count.
    return [...this.streams.values()].filter((stream) => !stream.over).length > maxStreams;
  }

  protected override onDataStart(): void {}

  protected override onData(stream: ServerStream, piece: Uint8Array): void {
    if (!stream.take(piece)) this.abort(stream, errorCode.protocol);
  }

  override dataEnd(id: number, endStream: boolean, padding: number): void {
    if (this.#frameLength === padding && !endStream) this.#countUseless();
    super.dataEnd(id, endStream, padding);
  }

  protected override onDataEnd(stream: ServerStream, endStream: boolean, padding: number): void {
    if (endStream) this.#bodyEnded(stream);
    else if (padding > 0) this.allow(stream, padding);
  }

  #bodyEnded(stream: ServerStream): void {
    if (stream.takeEnd()) this.#settle(stream);
    else this.abort(stream, errorCode.protocol);
  }

  protected override onReset(stream: ServerStream): void {
    this.#countUseless();
    stream.lose();
    this.#leaveIfDone();
  }

  protected override onSettings(): void {}

  /**
   * Until the peer knows our SETTINGS its streams have the window that every connection starts with. Those that are
   * open then lose the difference, unless they are being read.
   */
  protected override onAcknowledged(): void {
    if (this.#acknowledged) return;
    this.#acknowledged = true;
    const difference = defaultWindow - this.#options.streamWindow;
    for (const stream of this.streams.values()) {
      stream.receiveWindow -= difference;
      if (stream.reading && !stream.ended && difference > 0) this.allow(stream, difference);
    }
  }

  protected override onGoAway(_last: number, code: number): void {
    this.#leaving = true;
    if (code !== errorCode.none) {
      this.#goAwayCode = code;
      this.drop();
    } else this.#leaveIfDone();
  }

  protected override onWritten(stream: ServerStream): void {
    stream.written();
    this.#settle(stream);
  }

  /** Forgets a stream of which both halves are over. */
  #settle(stream: ServerStream): void {
    if (!stream.over) return;
    this.forget(stream);
    this.#leaveIfDone();
  }

  /** After the peer's goodbye the connection ends with the last request. */
  #leaveIfDone(): void {
    if (!this.#leaving || this.streams.size > 0 || this.#over) return;
    this.ending = true;
    this.#close();
    this.#end(undefined);
  }

  /** Bounds what a peer can make us do without ever asking for anything. */
  #countUseless(): void {
    const now = performance.now();
    const regained = ((now - this.#uselessSince) / 1000) * uselessPerSecond;
    this.#useless = Math.min(uselessBurst, this.#useless + regained) - 1;
    this.#uselessSince = now;
    if (this.#useless < 0) throw violation('too many frames without use', errorCode.enhanceYourCalm);
  }

  // ---- what streams ask for

  allowMore(stream: ServerStream, length: number): void {
    if (!this.streams.has(stream.id)) return;
    this.allow(stream, length);
    this.#pumpSoon();
  }

  sendAnswer(stream: ServerStream, fields: readonly HeaderField[]): void {
    this.sendFields(stream, fields);
    this.#settle(stream);
    this.#pumpSoon();
  }

  sendMore(stream: ServerStream): void {
    this.sendBody(stream);
    this.#pumpSoon();
  }

  sendEnd(stream: ServerStream): void {
    if (stream.left > 0) return;
    this.send(encodeFrame(frameType.data, frameFlag.endStream, stream.id, new Uint8Array()));
    this.#settle(stream);
    this.#pumpSoon();
  }

  abort(stream: ServerStream, code: number): void {
    if (!this.streams.has(stream.id)) return;
    this.reset(stream, code);
    this.#remembered.add(stream.id);
    if (this.#remembered.size > maxRemembered) this.#remembered.delete(this.#remembered.values().next().value!);
    stream.lose();
    this.#pumpSoon();
    this.#leaveIfDone();
  }

  /** One write for all that the present turn has to send. */
  #pumpSoon(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    queueMicrotask(() => {
      this.#pumpDue = false;
      this.pump();
    });
  }
}

const noHead: RequestHead = { method: '', target: '', contentType: undefined, contentLength: undefined };

function streamClosed(id: number): GranaryError {
  return violation(`a frame of stream ${id}, which is closed`, errorCode.streamClosed);
}
