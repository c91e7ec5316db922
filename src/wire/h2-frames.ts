// HTTP/2 frames (RFC 9113 section 4 and 6): constants, the frame header, and a reader that hands on DATA as it
// comes, without joining it.

import { asBuffer } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What a client sends before anything else. */
export const connectionPreface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const frameHeaderSize = 9;
export const defaultFrameSize = 16384;
export const defaultWindow = 65535;
export const maxWindow = 2 ** 31 - 1;
/** Longest frame, other than DATA, that is kept: header blocks are the only large ones. */
const maxKeptFrame = 256 * 1024;

/** Names of the error codes of RESET_STREAM and GOAWAY. */
const errorNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];
export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export function errorName(code: number): string {
  return errorNames[code] ?? `error code ${code}`;
}

/** A whole frame; `payload` is copied. */
export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderSize + payload.byteLength);
  writeFrameHeader(frame, payload.byteLength, type, flags, stream);
  frame.set(payload, frameHeaderSize);
  return frame;
}

/** Writes the nine bytes in front of a payload of `length` bytes. */
export function writeFrameHeader(target: Buffer, length: number, type: number, flags: number, stream: number): void {
  target.writeUIntBE(length, 0, 3);
  target[3] = type;
  target[4] = flags;
  target.writeUInt32BE(stream, 5);
}

/** A frame whose payload is one 32-bit number: WINDOW_UPDATE and RESET_STREAM. */
export function encodeNumberFrame(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return encodeFrame(type, 0, stream, payload);
}

export function encodeSettings(values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(values.length * 6);
  values.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return encodeFrame(frameType.settings, 0, 0, payload);
}

/** Who is told what the reader finds. Whatever it throws comes out of `FrameReader.push`. */
export interface FrameHandler {
  /** A DATA frame begins; `length` counts against the windows. */
  dataStart(stream: number, length: number): void;
  /** Bytes of the body: a view of what was pushed. */
  data(stream: number, piece: Uint8Array): void;
  /** `padding` bytes of the frame counted against the windows, but were no content. */
  dataEnd(stream: number, endStream: boolean, padding: number): void;
  /** Any other frame, also of an unknown type, whose payload is left out; it is valid during the call. */
  frame(type: number, flags: number, stream: number, payload: Buffer): void;
}

const emptyPayload = Buffer.alloc(0);

/** Takes the connection's bytes in pieces of any length. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #maxFrame: number;
  readonly #header = Buffer.alloc(frameHeaderSize);
  #headerLength = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** Payload bytes that are still to come, padding included. */
  #left = 0;
  #padding = 0;
  #awaitsPadLength = false;
  /** Payload of a frame that is not DATA and came in pieces. */
  #kept: Buffer | undefined;
  #keptLength = 0;

  /** `maxFrame` is what this side announced as SETTINGS_MAX_FRAME_SIZE. */
  constructor(handler: FrameHandler, maxFrame: number) {
    this.#handler = handler;
    this.#maxFrame = maxFrame;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#headerLength < frameHeaderSize) {
        const take = Math.min(frameHeaderSize - this.#headerLength, bytes.length - at);
        this.#header.set(bytes.subarray(at, at + take), this.#headerLength);
        this.#headerLength += take;
        at += take;
        if (this.#headerLength < frameHeaderSize) return;
        this.#begin();
      } else {
        const take = Math.min(this.#left, bytes.length - at);
        this.#payload(bytes.subarray(at, at + take));
        at += take;
      }
      if (this.#left === 0) this.#end();
    }
  }

  #begin(): void {
    const header = this.#header;
    this.#left = header.readUIntBE(0, 3);
    this.#type = header[3]!;
    this.#flags = header[4]!;
    this.#stream = header.readUInt32BE(5) & 0x7fffffff;
    if (this.#left > this.#maxFrame)
      throw violation(`a frame of ${this.#left} bytes, at most ${this.#maxFrame} allowed`, errorCode.frameSize);
    if (this.#type === frameType.data) {
      if (this.#stream === 0) throw violation('DATA on stream 0');
      this.#padding = 0;
      this.#awaitsPadLength = (this.#flags & frameFlag.padded) !== 0;
      if (this.#awaitsPadLength && this.#left === 0) {
        throw violation('padded DATA without padding', errorCode.frameSize);
      }
      this.#handler.dataStart(this.#stream, this.#left);
    } else if (this.#type <= frameType.continuation) {
      if (this.#left > maxKeptFrame) {
        throw violation(`a frame of type ${this.#type} with ${this.#left} bytes`, errorCode.frameSize);
      }
    }
  }

  #payload(piece: Uint8Array): void {
    this.#left -= piece.length;
    if (this.#type === frameType.data) this.#dataPiece(piece);
    else if (this.#type <= frameType.continuation) this.#keep(piece);
  }

  #dataPiece(piece: Uint8Array): void {
    let from = 0;
    if (this.#awaitsPadLength) {
      this.#padding = piece[0]!;
      this.#awaitsPadLength = false;
      if (this.#padding > this.#left + piece.length - 1) throw violation('more padding than payload');
      from = 1;
    }
    // Of what is left, the last `padding` bytes are not content.
    const to = piece.length - Math.max(0, this.#padding - this.#left);
    if (to > from) this.#handler.data(this.#stream, piece.subarray(from, to));
  }

  #keep(piece: Uint8Array): void {
    if (this.#left === 0 && !this.#kept) {
      this.#handler.frame(this.#type, this.#flags, this.#stream, asBuffer(piece));
      this.#headerLength = 0;
      return;
    }
    this.#kept ??= Buffer.alloc(piece.length + this.#left);
    this.#kept.set(piece, this.#keptLength);
    this.#keptLength += piece.length;
  }

  #end(): void {
    if (this.#headerLength === 0) return;
    this.#headerLength = 0;
    if (this.#type === frameType.data) {
      const padding = (this.#flags & frameFlag.padded) === 0 ? 0 : this.#padding + 1;
      this.#handler.dataEnd(this.#stream, (this.#flags & frameFlag.endStream) !== 0, padding);
    } else {
      const payload = this.#kept ?? emptyPayload;
      this.#kept = undefined;
      this.#keptLength = 0;
      this.#handler.frame(this.#type, this.#flags, this.#stream, payload);
    }
  }
}

/** The peer broke the rules of HTTP/2; the connection cannot go on, and `code` is what the peer is told. */
export function violation(text: string, code: number = errorCode.protocol): GranaryError {
  return new GranaryError('protocol', `HTTP/2: the peer sent ${text}`, { details: { code } });
}
