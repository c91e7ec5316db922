// What both ends of an HTTP/2 connection share (RFC 9113): frames in and out, header blocks, settings, flow control.
// Made for few, large bodies: DATA frames as long as the peer allows, written from the caller's memory without a copy,
// and received DATA handed on as it comes.

import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { GranaryError, messageOf } from '../base/errors.ts';
import {
  defaultFrameSize,
  defaultWindow,
  encodeFrame,
  encodeNumberFrame,
  encodeSettings,
  errorCode,
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
import { receiveInOneBuffer } from './receive-buffer.ts';

/** What both sides announce: DATA is handed on as it comes, so that a frame's length costs nothing. */
export const ownMaxFrame = 4 * 1024 * 1024;
/** What may be on its way to us: enough for any line; what is kept is bounded by the windows of the streams. */
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
export const maxHeaderBlock = 256 * 1024;

/** What an end keeps of one stream, as far as flow control goes. */
export class H2Stream {
  id = 0;
  /** What is still to be sent of the body: parts, and their bytes. */
  readonly body: Uint8Array[] = [];
  left = 0;
  /** Whether nothing follows `body`: the frame with its last byte ends the stream. */
  last = true;
  sendWindow = 0;
  receiveWindow = 0;

  /** Adds to what is to be sent. The bytes must not change before they are written. */
  addBody(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      if (part.byteLength === 0) continue;
      this.body.push(part);
      this.left += part.byteLength;
    }
  }
}

export abstract class H2Endpoint<S extends H2Stream> implements FrameHandler {
  protected readonly socket: Duplex;
  protected readonly streams = new Map<number, S>();
  /** Why the connection is over. */
  protected failure: GranaryError | undefined;
  /** The connection is being closed in order: nothing is sent any more. */
  protected ending = false;
  /** The peer's first SETTINGS have come. */
  protected greeted = false;
  readonly #reader = new FrameReader(this, ownMaxFrame);
  readonly #hpack = new HpackDecoder();
  /** Streams with unsent body, in the order in which it came. */
  readonly #sending: S[] = [];
  #control: Buffer[] = [];
  #writesUnderWay = 0;
  // What the peer allows.
  #maxFrame = defaultFrameSize;
  #initialWindow = defaultWindow;
  #sendWindow = defaultWindow;
  #tableUpdateDue = false;
  // What we allow the peer.
  #receiveWindow = ownConnectionWindow;
  #credit = 0;
  /** A header block whose CONTINUATION is to come. */
  #block: { stream: number; endStream: boolean; parts: Buffer[]; length: number } | undefined;

  /** `opening` goes out in front of the SETTINGS. */
  protected constructor(socket: Duplex, opening: Uint8Array, settings: readonly (readonly [number, number])[]) {
    this.socket = socket;
    this.send(Buffer.from(opening));
    this.send(encodeSettings(settings));
    this.send(encodeNumberFrame(frameType.windowUpdate, 0, ownConnectionWindow - defaultWindow));
  }

  /** Starts to read and write. */
  protected start(): void {
    const { socket } = this;
    const take = (bytes: Buffer): void => this.receive(bytes);
    if (!(socket instanceof TLSSocket && receiveInOneBuffer(socket, take))) socket.on('data', take);
    socket.on('error', (error) => this.onLost(error));
    socket.on('end', () => this.onLost(undefined));
    socket.on('close', () => this.onLost(undefined));
    // It may have been paused while it changed hands.
    socket.resume();
    this.pump();
  }

  // ---- what an end does with what comes

  /** An open stream; undefined for one that is over. Throws a violation for one that cannot be. */
  protected abstract known(id: number): S | undefined;
  protected abstract onFields(id: number, fields: readonly HeaderField[], endStream: boolean): void;
  /** A DATA frame begins. */
  protected abstract onDataStart(stream: S): void;
  /** `piece` is valid during the call. */
  protected abstract onData(stream: S, piece: Uint8Array): void;
  /** `padding` bytes have counted against the stream's window without being content. */
  protected abstract onDataEnd(stream: S, endStream: boolean, padding: number): void;
  protected abstract onReset(stream: S, code: number): void;
  protected abstract onGoAway(last: number, code: number): void;
  /** The peer's SETTINGS were taken over; undefined for a limit of streams that it did not name. */
  protected abstract onSettings(maxStreams: number | undefined): void;
  /** The peer goes by our SETTINGS from now on. */
  protected abstract onAcknowledged(): void;
  /** All of a stream's body, as far as it was given, has left the process. */
  protected abstract onWritten(stream: S): void;
  protected abstract onLost(cause: Error | undefined): void;
  /** The connection is over because of `failure`: tells everybody and drops it. */
  protected abstract fail(error: GranaryError): void;

  // ---- frames that come in

  protected receive(bytes: Buffer): void {
    if (this.failure) return;
    try {
      this.takeBytes(bytes);
    } catch (error) {
      const reason =
        error instanceof GranaryError ? error : new GranaryError('internal', messageOf(error), { cause: error });
      const code = reason.details?.['code'];
      this.sendGoAway(typeof code === 'number' ? code : errorCode.internal);
      this.pump();
      this.fail(reason);
      return;
    }
    this.pump();
  }

  protected takeBytes(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  dataStart(id: number, length: number): void {
    this.#checkOrder(frameType.data, id);
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) throw violation('more than the connection window allows', errorCode.flowControl);
    // The connection's window only bounds what is on the way; each stream's own window bounds what is kept.
    this.#credit += length;
    if (this.#credit >= ownConnectionWindow / 2) {
      this.send(encodeNumberFrame(frameType.windowUpdate, 0, this.#credit));
      this.#receiveWindow += this.#credit;
      this.#credit = 0;
    }
    const stream = this.known(id);
    if (!stream) return;
    this.onDataStart(stream);
    stream.receiveWindow -= length;
    if (length > 0 && stream.receiveWindow < 0)
      throw violation('more than the stream window allows', errorCode.flowControl);
  }

  data(id: number, piece: Uint8Array): void {
    const stream = this.streams.get(id);
    if (stream) this.onData(stream, piece);
  }

  dataEnd(id: number, endStream: boolean, padding: number): void {
    const stream = this.streams.get(id);
    if (stream) this.onDataEnd(stream, endStream, padding);
  }

  frame(type: number, flags: number, id: number, payload: Buffer): void {
    this.#checkOrder(type, id);
    if (type === frameType.headers) this.#headers(flags, id, payload);
    else if (type === frameType.continuation) this.#continuation(flags, payload);
    else if (type === frameType.resetStream) this.#reset(id, payload);
    else if (type === frameType.settings) this.#settings(flags, id, payload);
    else if (type === frameType.ping) this.#ping(flags, id, payload);
    else if (type === frameType.goAway) this.#goAway(id, payload);
    else if (type === frameType.windowUpdate) this.#windowUpdate(id, payload);
    else if (type === frameType.priority) checkPriority(id, payload);
    else if (type === frameType.pushPromise) throw violation('a push, which was not allowed');
  }

  #checkOrder(type: number, id: number): void {
    if (!this.greeted && type !== frameType.settings) throw violation('another frame in front of its SETTINGS');
    if (this.#block && (type !== frameType.continuation || id !== this.#block.stream)) {
      throw violation('a frame inside of a header block');
    }
  }

  #headers(flags: number, id: number, payload: Buffer): void {
    let from = 0;
    let to = payload.length;
    if ((flags & frameFlag.padded) !== 0) {
      to -= payload[0] ?? 0;
      from = 1;
    }
    if ((flags & frameFlag.priority) !== 0) {
      if (from + 5 > to) throw violation('malformed HEADERS', errorCode.frameSize);
      if ((payload.readUInt32BE(from) & maxWindow) === id) throw violation('a stream that depends on itself');
      from += 5;
    }
    if (from > to || id === 0) throw violation('malformed HEADERS');
    const endStream = (flags & frameFlag.endStream) !== 0;
    const block = Buffer.from(payload.subarray(from, to));
    if ((flags & frameFlag.endHeaders) !== 0) this.onFields(id, this.#hpack.decode(block), endStream);
    else this.#block = { stream: id, endStream, parts: [block], length: block.length };
  }

  #continuation(flags: number, payload: Buffer): void {
    const block = this.#block;
    if (!block) throw violation('CONTINUATION of nothing');
    block.parts.push(Buffer.from(payload));
    block.length += payload.length + frameHeaderSize;
    if (block.length > maxHeaderBlock) {
      throw violation(`a header block of more than ${maxHeaderBlock} bytes`, errorCode.enhanceYourCalm);
    }
    if ((flags & frameFlag.endHeaders) === 0) return;
    this.#block = undefined;
    // Blocks of forgotten streams are decoded too: they change the table.
    this.onFields(block.stream, this.#hpack.decode(Buffer.concat(block.parts)), block.endStream);
  }

  #reset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw violation('a malformed RESET_STREAM', errorCode.frameSize);
    if (id === 0) throw violation('a malformed RESET_STREAM');
    const stream = this.known(id);
    if (!stream) return;
    this.forget(stream);
    this.onReset(stream, payload.readUInt32BE(0));
  }

  #settings(flags: number, id: number, payload: Buffer): void {
    const ack = (flags & frameFlag.ack) !== 0;
    if (payload.length % 6 !== 0 || (ack && payload.length > 0)) {
      throw violation('malformed SETTINGS', errorCode.frameSize);
    }
    if (id !== 0 || (ack && !this.greeted)) throw violation('malformed SETTINGS');
    if (ack) {
      this.onAcknowledged();
      return;
    }
    let maxStreams: number | undefined;
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      if (payload.readUInt16BE(at) === setting.maxConcurrentStreams) maxStreams = value;
      else this.#applySetting(payload.readUInt16BE(at), value);
    }
    this.#reply(encodeFrame(frameType.settings, frameFlag.ack, 0, new Uint8Array()));
    this.greeted = true;
    this.onSettings(maxStreams);
  }

  #applySetting(id: number, value: number): void {
    if (id === setting.headerTableSize) this.#tableUpdateDue = true;
    else if (id === setting.enablePush && value > 1) throw violation(`ENABLE_PUSH of ${value}`);
    else if (id === setting.initialWindowSize) {
      if (value > maxWindow) throw violation(`an initial window of ${value} bytes`, errorCode.flowControl);
      const change = value - this.#initialWindow;
      this.#initialWindow = value;
      for (const stream of this.streams.values()) addToWindow(stream, change);
    } else if (id === setting.maxFrameSize) {
      if (value < defaultFrameSize || value >= 2 ** 24) throw violation(`a frame size of ${value} bytes`);
      this.#maxFrame = value;
    }
  }

  #windowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw violation('a malformed WINDOW_UPDATE', errorCode.frameSize);
    const increment = payload.readUInt32BE(0) & maxWindow;
    if (increment === 0) throw violation('a malformed WINDOW_UPDATE');
    if (id === 0) {
      this.#sendWindow += increment;
      if (this.#sendWindow > maxWindow) throw windowTooLarge();
      return;
    }
    const stream = this.known(id);
    if (stream) addToWindow(stream, increment);
  }

  #ping(flags: number, id: number, payload: Buffer): void {
    if (payload.length !== 8) throw violation('a malformed PING', errorCode.frameSize);
    if (id !== 0) throw violation('a malformed PING');
    if ((flags & frameFlag.ack) === 0) this.#reply(encodeFrame(frameType.ping, frameFlag.ack, 0, payload));
  }

  #goAway(id: number, payload: Buffer): void {
    if (payload.length < 8) throw violation('a malformed GOAWAY', errorCode.frameSize);
    if (id !== 0) throw violation('a malformed GOAWAY');
    this.onGoAway(payload.readUInt32BE(0) & maxWindow, payload.readUInt32BE(4));
  }

  /** Removes a stream; nothing of it is sent or received any more. */
  protected forget(stream: S): void {
    this.streams.delete(stream.id);
    const at = this.#sending.indexOf(stream);
    if (at >= 0) this.#sending.splice(at, 1);
  }

  /** Removes all streams and returns them. */
  protected forgetAll(): S[] {
    const streams = [...this.streams.values()];
    this.streams.clear();
    this.#sending.length = 0;
    return streams;
  }

  // ---- frames that go out

  /** A new stream can send from now on. */
  protected open(stream: S): void {
    stream.sendWindow = this.#initialWindow;
    this.streams.set(stream.id, stream);
  }

  /** Sends fields, then what the stream has of a body. */
  protected sendFields(stream: S, fields: readonly HeaderField[]): void {
    let block = encodeHeaders(fields);
    if (this.#tableUpdateDue) {
      block = Buffer.concat([emptyTableUpdate, block]);
      this.#tableUpdateDue = false;
    }
    const endStream = stream.left === 0 && stream.last ? frameFlag.endStream : 0;
    const first = block.subarray(0, defaultFrameSize);
    const whole = first.length === block.length ? frameFlag.endHeaders : 0;
    this.send(encodeFrame(frameType.headers, endStream | whole, stream.id, first));
    for (let at = first.length; at < block.length; at += defaultFrameSize) {
      const part = block.subarray(at, at + defaultFrameSize);
      const last = at + part.length === block.length ? frameFlag.endHeaders : 0;
      this.send(encodeFrame(frameType.continuation, last, stream.id, part));
    }
    this.sendBody(stream);
  }

  /** The stream has something to send. */
  protected sendBody(stream: S): void {
    if (stream.left > 0 && !this.#sending.includes(stream)) this.#sending.push(stream);
  }

  protected reset(stream: S, code: number): void {
    this.forget(stream);
    this.send(encodeNumberFrame(frameType.resetStream, stream.id, code));
  }

  /** Allows the peer `length` bytes more of this stream. */
  protected allow(stream: S, length: number): void {
    stream.receiveWindow += length;
    this.send(encodeNumberFrame(frameType.windowUpdate, stream.id, length));
  }

  /** The peer's highest stream that was looked at. */
  protected get lastTaken(): number {
    return 0;
  }

  /** Tells the peer that nothing more is taken. */
  protected sendGoAway(code: number): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.lastTaken, 0);
    payload.writeUInt32BE(code, 4);
    this.send(encodeFrame(frameType.goAway, 0, 0, payload));
  }

  /** Queues a frame in front of all bodies. */
  protected send(frame: Buffer): void {
    this.#control.push(frame);
  }

  /** Takes what is queued and not yet written, bodies left out. */
  protected takeControl(): Buffer {
    return Buffer.concat(this.#control.splice(0));
  }

  /** Queues what the peer asked for. */
  #reply(frame: Buffer): void {
    if (this.#control.length > maxBacklog) {
      throw violation('requests for answers that it does not read', errorCode.enhanceYourCalm);
    }
    this.send(frame);
  }

  /** Writes once the socket is idle: at most a short and a long piece, because more would be joined by a copy. */
  protected pump(): void {
    while (this.#writesUnderWay === 0 && !this.failure && !this.ending) {
      const small = this.#control;
      const written: S[] = [];
      this.#control = [];
      let large: Uint8Array | undefined;
      let smallLength = small.length;
      while (!large && smallLength < smallBody) {
        const stream = this.#nextSender();
        if (!stream) break;
        const before = small.length;
        large = this.#takeFrame(stream, small);
        if (stream.left === 0) written.push(stream);
        for (let i = before; i < small.length; i++) smallLength += small[i]!.length;
      }
      if (small.length === 0 && !large) return;
      if (small.length > 0) this.#write(small.length === 1 ? small[0]! : Buffer.concat(small), large ? [] : written);
      if (large) this.#write(large, written);
    }
  }

  #write(bytes: Uint8Array, written: readonly S[]): void {
    this.#writesUnderWay++;
    this.socket.write(bytes, (error) => {
      this.#writesUnderWay--;
      if (!error) for (const stream of written) this.onWritten(stream);
      this.pump();
    });
  }

  /** The stream whose body goes on: short bodies first, else the oldest stream that its window allows. */
  #nextSender(): S | undefined {
    if (this.#sendWindow <= 0) return undefined;
    let first: S | undefined;
    for (const stream of this.#sending) {
      if (stream.sendWindow <= 0) continue;
      if (stream.left <= smallBody) return stream;
      if (first === undefined || stream.id < first.id) first = stream;
    }
    return first;
  }

  /** Makes the next DATA frame: its header and short parts go to `small`, a long part at its end is returned. */
  #takeFrame(stream: S, small: Buffer[]): Uint8Array | undefined {
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
    const end = stream.left === 0 && stream.last ? frameFlag.endStream : 0;
    writeFrameHeader(header, length, frameType.data, end, stream.id);
    return large;
  }
}

function addToWindow(stream: H2Stream, change: number): void {
  stream.sendWindow += change;
  if (stream.sendWindow > maxWindow) throw windowTooLarge();
}

function windowTooLarge(): GranaryError {
  return violation('a window of more than 2^31 - 1 bytes', errorCode.flowControl);
}

function checkPriority(id: number, payload: Buffer): void {
  if (payload.length !== 5) throw violation('a malformed PRIORITY', errorCode.frameSize);
  if (id === 0) throw violation('a malformed PRIORITY');
  if ((payload.readUInt32BE(0) & maxWindow) === id) throw violation('a stream that depends on itself');
}
