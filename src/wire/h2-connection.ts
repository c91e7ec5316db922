// The client end of one HTTP/2 connection (RFC 9113) made for few, large bodies: DATA frames as long as the peer
// allows, written from the caller's memory without a copy. Node's own client sends 16 KiB frames and copies each.

import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { freeBytes } from '../base/bytes.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import {
  defaultFrameSize,
  defaultWindow,
  encodeFrame,
  encodeNumberFrame,
  encodeSettings,
  errorCode,
  errorName,
  type FrameHandler,
  FrameReader,
  frameFlag,
  frameHeaderSize,
  frameType,
  maxWindow,
  setting,
  violation,
  writeFrameHeader,
} from './h2-frames.ts';
import { emptyTableUpdate, encodeHeaders, type HeaderField, HpackDecoder } from './hpack.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** What this side announces: DATA is handed on as it comes, so that a frame's length costs nothing. */
const ownMaxFrame = 4 * 1024 * 1024;
const ownStreamWindow = 4 * 1024 * 1024;
const ownConnectionWindow = 32 * 1024 * 1024;
/**
 * Most bytes of one body in one write. TLS encrypts the whole write into a buffer before anything is sent: this
 * stays in the processor's cache. A small body that comes meanwhile waits for no more than that.
 */
const writeUnit = 256 * 1024;
/** Parts shorter than this are copied next to the frame header, longer ones are written from where they are. */
const copyLimit = 8 * 1024;
/** Bodies up to this length overtake longer ones. */
const smallBody = 64 * 1024;
/** More unsent frames than this when PING or SETTINGS is to be answered: the peer only wants to fill our memory. */
const maxBacklog = 10_000;
const maxHeaderBlock = 256 * 1024;
/** Received pieces shorter than this are left to the collector. */
const leastFreed = 4 * 1024;
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

class ClientStream {
  id = 0;
  readonly block: Buffer;
  readonly receiver: Receiver;
  /** What is still to be sent of the body. */
  readonly body: Uint8Array[];
  left: number;
  sendWindow = 0;
  receiveWindow = ownStreamWindow;
  /** Bytes taken by the receiver and not yet given back to the peer. */
  credit = 0;
  answered = false;

  constructor(block: Buffer, body: readonly Uint8Array[], receiver: Receiver) {
    this.block = block;
    this.receiver = receiver;
    this.body = body.filter((part) => part.byteLength > 0);
    this.left = body.reduce((sum, part) => sum + part.byteLength, 0);
  }
}

export class H2Connection implements FrameHandler {
  /** Resolves when the connection is gone: with the reason unless it was closed in order. */
  readonly closed: Promise<GranaryError | undefined>;
  readonly #resolveClosed: (error: GranaryError | undefined) => void;
  readonly #socket: Duplex;
  /** Names the peer in error messages. */
  readonly #peer: string;
  readonly #reader = new FrameReader(this, ownMaxFrame);
  readonly #hpack = new HpackDecoder();
  readonly #streams = new Map<number, ClientStream>();
  /** Requests that wait for the peer's stream limit. */
  readonly #waiting: ClientStream[] = [];
  /** Streams with unsent body, in order of their requests. */
  readonly #sending: ClientStream[] = [];
  #nextId = 1;
  #control: Buffer[] = [];
  #writesUnderWay = 0;
  #failure: GranaryError | undefined;
  #ending = false;
  #goneAway = false;
  // What the peer allows.
  /** One request, until the peer's SETTINGS tell how many it takes. */
  #maxStreams = 1;
  #greeted = false;
  #maxFrame = defaultFrameSize;
  #initialWindow = defaultWindow;
  #sendWindow = defaultWindow;
  #tableUpdateDue = false;
  // What we allow the peer.
  #receiveWindow = ownConnectionWindow;
  #credit = 0;
  /** A header block whose CONTINUATION is to come. */
  #block: { stream: number; endStream: boolean; parts: Buffer[]; length: number } | undefined;

  constructor(socket: Duplex, peer: string) {
    const { promise, resolve } = Promise.withResolvers<GranaryError | undefined>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#socket = socket;
    this.#peer = peer;
    this.#send(Buffer.from(preface, 'latin1'));
    this.#send(
      encodeSettings([
        [setting.enablePush, 0],
        [setting.initialWindowSize, ownStreamWindow],
        [setting.maxFrameSize, ownMaxFrame],
      ]),
    );
    this.#send(encodeNumberFrame(frameType.windowUpdate, 0, ownConnectionWindow - defaultWindow));
    const ownsInput = socket instanceof TLSSocket;
    socket.on('data', (bytes: Buffer) => {
      this.#receive(bytes);
      // A TLS socket reads each record into new memory; the collector would look through the whole heap for every
      // 64 MiB of it.
      if (ownsInput && isAlone(bytes)) freeBytes(bytes, leastFreed);
    });
    socket.on('error', (error) => this.#lost(error));
    socket.on('end', () => this.#lost(undefined));
    socket.on('close', () => this.#lost(undefined));
    this.#pump();
  }

  /**
   * Sends a request; `body` must not change before the answer is complete. The receiver is never called before
   * this returns.
   */
  request(fields: readonly HeaderField[], body: readonly Uint8Array[], receiver: Receiver): RequestStream {
    const stream = new ClientStream(encodeHeaders(fields), body, receiver);
    if (this.#failure || this.#ending || this.#goneAway) {
      const error = this.#failure ?? new GranaryError('connection', `connection to ${this.#peer} is closed`);
      queueMicrotask(() => receiver.fail(error));
    } else {
      this.#waiting.push(stream);
      this.#startWaiting();
      this.#pump();
    }
    return {
      credit: (length) => this.#creditStream(stream, length),
      cancel: () => this.#cancel(stream),
    };
  }

  /** Says goodbye and closes; requests under way fail with `aborted`. */
  close(): void {
    if (this.#ending || this.#failure) return;
    this.#failAll(new GranaryError('aborted', `connection to ${this.#peer} was closed`));
    this.#sendGoAway(errorCode.none);
    this.#ending = true;
    this.#socket.end(Buffer.concat(this.#control));
    const timer = setTimeout(() => this.#socket.destroy(), closeTimeoutMs);
    void this.closed.then(() => clearTimeout(timer));
  }

  /** Drops the connection; requests under way fail with `error`. */
  destroy(error: GranaryError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#failAll(error);
    this.#socket.destroy();
    this.#resolveClosed(error);
  }

  // ---- frames that come in

  #receive(bytes: Buffer): void {
    if (this.#failure) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      const reason =
        error instanceof GranaryError ? error : new GranaryError('internal', messageOf(error), { cause: error });
      this.#sendGoAway(errorCode.protocol);
      this.#pump();
      this.destroy(reason);
      return;
    }
    this.#pump();
  }

  dataStart(id: number, length: number): void {
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) throw violation('more than the connection window allows');
    // The connection's window only bounds what is on the way; each stream's own window bounds what is kept.
    this.#credit += length;
    if (this.#credit >= ownConnectionWindow / 2) {
      this.#send(encodeNumberFrame(frameType.windowUpdate, 0, this.#credit));
      this.#receiveWindow += this.#credit;
      this.#credit = 0;
    }
    const stream = this.#known(id);
    if (!stream) return;
    if (!stream.answered) throw violation('DATA in front of the answer');
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) throw violation('more than the stream window allows');
  }

  data(id: number, piece: Uint8Array): void {
    this.#streams.get(id)?.receiver.data(piece);
  }

  dataEnd(id: number, endStream: boolean, padding: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    if (endStream) this.#answerEnded(stream);
    else if (padding > 0) this.#creditStream(stream, padding);
  }

  frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (!this.#greeted && type !== frameType.settings) throw violation('another frame in front of its SETTINGS');
    if (this.#block && (type !== frameType.continuation || id !== this.#block.stream)) {
      throw violation('a frame inside of a header block');
    }
    if (type === frameType.headers) this.#onHeaders(flags, id, payload);
    else if (type === frameType.continuation) this.#onContinuation(flags, payload);
    else if (type === frameType.resetStream) this.#onReset(id, payload);
    else if (type === frameType.settings) this.#onSettings(flags, id, payload);
    else if (type === frameType.ping) this.#onPing(flags, id, payload);
    else if (type === frameType.goAway) this.#onGoAway(id, payload);
    else if (type === frameType.windowUpdate) this.#onWindowUpdate(id, payload);
    else if (type === frameType.pushPromise) throw violation('a push, which was not allowed');
  }

  #onHeaders(flags: number, id: number, payload: Buffer): void {
    let from = 0;
    let to = payload.length;
    if ((flags & frameFlag.padded) !== 0) {
      to -= payload[0] ?? 0;
      from = 1;
    }
    if ((flags & frameFlag.priority) !== 0) from += 5;
    if (from > to || id === 0) throw violation('malformed HEADERS');
    const endStream = (flags & frameFlag.endStream) !== 0;
    const block = Buffer.from(payload.subarray(from, to));
    if ((flags & frameFlag.endHeaders) !== 0) this.#onBlock(id, endStream, block);
    else this.#block = { stream: id, endStream, parts: [block], length: block.length };
  }

  #onContinuation(flags: number, payload: Buffer): void {
    const block = this.#block;
    if (!block) throw violation('CONTINUATION of nothing');
    block.parts.push(Buffer.from(payload));
    block.length += payload.length + frameHeaderSize;
    if (block.length > maxHeaderBlock) throw violation(`a header block of more than ${maxHeaderBlock} bytes`);
    if ((flags & frameFlag.endHeaders) === 0) return;
    this.#block = undefined;
    this.#onBlock(block.stream, block.endStream, Buffer.concat(block.parts));
  }

  #onBlock(id: number, endStream: boolean, block: Buffer): void {
    // Blocks of forgotten streams are decoded too: they change the table.
    const fields = this.#hpack.decode(block);
    const stream = this.#known(id);
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

  #onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4 || id === 0) throw violation('a malformed RESET_STREAM');
    const stream = this.#known(id);
    if (!stream) return;
    this.#forget(stream);
    const code = payload.readUInt32BE(0);
    const text = `${this.#peer} ended the request without an answer: ${errorName(code)}`;
    stream.receiver.fail(new GranaryError('connection', text, { details: { code } }));
  }

  #onSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0 || payload.length % 6 !== 0) throw violation('malformed SETTINGS');
    if ((flags & frameFlag.ack) !== 0) return;
    if (!this.#greeted) this.#maxStreams = Infinity;
    this.#greeted = true;
    for (let at = 0; at < payload.length; at += 6)
      this.#applySetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.#reply(encodeFrame(frameType.settings, frameFlag.ack, 0, new Uint8Array()));
    this.#startWaiting();
  }

  #applySetting(id: number, value: number): void {
    switch (id) {
      case setting.headerTableSize:
        this.#tableUpdateDue = true;
        return;
      case setting.maxConcurrentStreams:
        this.#maxStreams = value;
        return;
      case setting.initialWindowSize: {
        if (value > maxWindow) throw violation(`an initial window of ${value} bytes`);
        const change = value - this.#initialWindow;
        this.#initialWindow = value;
        for (const stream of this.#streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > maxWindow) throw violation('a window of more than 2^31 - 1 bytes');
        }
        return;
      }
      case setting.maxFrameSize:
        if (value < defaultFrameSize || value >= 2 ** 24) throw violation(`a frame size of ${value} bytes`);
        this.#maxFrame = value;
        return;
    }
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    const increment = payload.length === 4 ? payload.readUInt32BE(0) & 0x7fffffff : 0;
    if (increment === 0) throw violation('a malformed WINDOW_UPDATE');
    if (id === 0) {
      this.#sendWindow += increment;
      if (this.#sendWindow > maxWindow) throw violation('a window of more than 2^31 - 1 bytes');
      return;
    }
    const stream = this.#known(id);
    if (!stream) return;
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow) throw violation('a window of more than 2^31 - 1 bytes');
  }

  #onPing(flags: number, id: number, payload: Buffer): void {
    if (id !== 0 || payload.length !== 8) throw violation('a malformed PING');
    if ((flags & frameFlag.ack) === 0) this.#reply(encodeFrame(frameType.ping, frameFlag.ack, 0, payload));
  }

  #onGoAway(id: number, payload: Buffer): void {
    if (id !== 0 || payload.length < 8) throw violation('a malformed GOAWAY');
    const last = payload.readUInt32BE(0) & 0x7fffffff;
    const code = payload.readUInt32BE(4);
    this.#goneAway = true;
    const reason = code === errorCode.none ? 'is closing the connection' : `gave up the connection: ${errorName(code)}`;
    const error = new GranaryError('connection', `${this.#peer} ${reason}`, { details: { code } });
    for (const stream of this.#waiting.splice(0)) stream.receiver.fail(error);
    for (const stream of [...this.#streams.values()]) {
      if (stream.id <= last) continue;
      this.#forget(stream);
      stream.receiver.fail(error);
    }
    if (code !== errorCode.none) this.destroy(error);
  }

  /** An open stream; undefined for one that is over. A stream that was never opened is a violation. */
  #known(id: number): ClientStream | undefined {
    if (id % 2 === 0 || id >= this.#nextId) throw violation(`a frame of stream ${id}, which was never opened`);
    return this.#streams.get(id);
  }

  #answerEnded(stream: ClientStream): void {
    if (!stream.answered) throw violation('the end of an answer without its start');
    // An answer may come before the whole body was sent: what is left of it is of no use then.
    if (stream.left > 0) this.#send(encodeNumberFrame(frameType.resetStream, stream.id, errorCode.cancel));
    this.#forget(stream);
    stream.receiver.end();
  }

  #forget(stream: ClientStream): void {
    this.#streams.delete(stream.id);
    const at = this.#sending.indexOf(stream);
    if (at >= 0) this.#sending.splice(at, 1);
    this.#startWaiting();
  }

  #lost(cause: Error | undefined): void {
    if (this.#failure) return;
    if (this.#ending || (cause === undefined && this.#streams.size === 0 && this.#waiting.length === 0)) {
      this.#goneAway = true;
      this.#socket.destroy();
      this.#resolveClosed(undefined);
      return;
    }
    const reason = cause ? `: ${cause.message}` : '';
    this.destroy(new GranaryError('connection', `connection to ${this.#peer} was lost${reason}`, { cause }));
  }

  #failAll(error: GranaryError): void {
    const streams = [...this.#streams.values(), ...this.#waiting];
    this.#streams.clear();
    this.#waiting.length = 0;
    this.#sending.length = 0;
    for (const stream of streams) stream.receiver.fail(error);
  }

  // ---- frames that go out

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.#streams.size < this.#maxStreams) {
      if (this.#nextId > maxWindow) {
        const error = new GranaryError(
          'connection',
          `connection to ${this.#peer} has had all the requests it can have`,
        );
        for (const stream of this.#waiting.splice(0)) stream.receiver.fail(error);
        return;
      }
      this.#start(this.#waiting.shift()!);
    }
  }

  #start(stream: ClientStream): void {
    stream.id = this.#nextId;
    this.#nextId += 2;
    stream.sendWindow = this.#initialWindow;
    this.#streams.set(stream.id, stream);
    let block = stream.block;
    if (this.#tableUpdateDue) {
      block = Buffer.concat([emptyTableUpdate, block]);
      this.#tableUpdateDue = false;
    }
    const endStream = stream.left === 0 ? frameFlag.endStream : 0;
    const first = block.subarray(0, defaultFrameSize);
    const whole = first.length === block.length ? frameFlag.endHeaders : 0;
    this.#send(encodeFrame(frameType.headers, endStream | whole, stream.id, first));
    for (let at = first.length; at < block.length; at += defaultFrameSize) {
      const part = block.subarray(at, at + defaultFrameSize);
      const last = at + part.length === block.length ? frameFlag.endHeaders : 0;
      this.#send(encodeFrame(frameType.continuation, last, stream.id, part));
    }
    if (stream.left > 0) this.#sending.push(stream);
  }

  #cancel(stream: ClientStream): void {
    const at = this.#waiting.indexOf(stream);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (!this.#streams.has(stream.id)) return;
    this.#forget(stream);
    this.#send(encodeNumberFrame(frameType.resetStream, stream.id, errorCode.cancel));
    this.#pump();
  }

  #creditStream(stream: ClientStream, length: number): void {
    if (!this.#streams.has(stream.id)) return;
    stream.credit += length;
    if (stream.credit < ownStreamWindow / 2) return;
    this.#send(encodeNumberFrame(frameType.windowUpdate, stream.id, stream.credit));
    stream.receiveWindow += stream.credit;
    stream.credit = 0;
    this.#pump();
  }

  #sendGoAway(code: number): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(code, 4);
    this.#send(encodeFrame(frameType.goAway, 0, 0, payload));
  }

  /** Queues a frame in front of all bodies. */
  #send(frame: Buffer): void {
    this.#control.push(frame);
  }

  /** Queues what the peer asked for. */
  #reply(frame: Buffer): void {
    if (this.#control.length > maxBacklog) throw violation('requests for answers that it does not read');
    this.#send(frame);
  }

  /** Writes once the socket is idle: at most a short and a long piece, because more would be joined by a copy. */
  #pump(): void {
    while (this.#writesUnderWay === 0 && !this.#failure && !this.#ending) {
      const small = this.#control;
      this.#control = [];
      let large: Uint8Array | undefined;
      let smallLength = small.length;
      while (!large && smallLength < smallBody) {
        const stream = this.#nextSender();
        if (!stream) break;
        const before = small.length;
        large = this.#takeFrame(stream, small);
        for (let i = before; i < small.length; i++) smallLength += small[i]!.length;
      }
      if (small.length === 0 && !large) return;
      if (small.length > 0) this.#write(small.length === 1 ? small[0]! : Buffer.concat(small));
      if (large) this.#write(large);
    }
  }

  #write(bytes: Uint8Array): void {
    this.#writesUnderWay++;
    this.#socket.write(bytes, () => {
      this.#writesUnderWay--;
      this.#pump();
    });
  }

  /** The stream whose body goes on: short bodies first, else the oldest that its window allows. */
  #nextSender(): ClientStream | undefined {
    if (this.#sendWindow <= 0) return undefined;
    let first: ClientStream | undefined;
    for (const stream of this.#sending) {
      if (stream.sendWindow <= 0) continue;
      if (stream.left <= smallBody) return stream;
      first ??= stream;
    }
    return first;
  }

  /** Makes the next DATA frame: its header and short parts go to `small`, a long part at its end is returned. */
  #takeFrame(stream: ClientStream, small: Buffer[]): Uint8Array | undefined {
    const most = Math.min(this.#maxFrame, writeUnit, this.#sendWindow, stream.sendWindow);
    const header = Buffer.alloc(frameHeaderSize);
    small.push(header);
    let length = 0;
    let large: Uint8Array | undefined;
    while (length < most && !large) {
      const part = stream.body[0];
      if (!part) break;
      const piece = part.subarray(0, most - length);
      if (piece.length === part.length) stream.body.shift();
      else stream.body[0] = part.subarray(piece.length);
      length += piece.length;
      if (piece.length < copyLimit) small.push(Buffer.from(piece));
      else large = piece;
    }
    stream.left -= length;
    stream.sendWindow -= length;
    this.#sendWindow -= length;
    if (stream.left === 0) this.#sending.splice(this.#sending.indexOf(stream), 1);
    writeFrameHeader(header, length, frameType.data, stream.left === 0 ? frameFlag.endStream : 0, stream.id);
    return large;
  }
}

/** Whether nothing else lies in the same memory. */
function isAlone(bytes: Uint8Array): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}
