// Holds connections to rates (config-and-tasks.md 13, sync.md 11): what counts are the bytes of the TCP connection, TLS
// included, so that what a network carries is what was allowed. A connection pays for bytes after they have passed and
// then rests until they are paid for; limits can come, change and go while it is open. Without limits nothing stands in
// the way of a byte.

import type { Socket } from 'node:net';
import { descriptorOf, limitReceiveWindow, segmentSize, unreadBytes } from '../os/sockets.ts';
import { type Bucket, LocalBucket, rateOf } from './rate-bucket.ts';
import { ReadGate } from './read-gate.ts';

/** Limits of a transfer, bytes and bytes a second. A burst is the rate by default; without a rate it means nothing. */
export interface TransferLimits {
  /** What is received. */
  rateIn?: number | undefined;
  burstIn?: number | undefined;
  /** What is sent. */
  rateOut?: number | undefined;
  burstOut?: number | undefined;
}

/** Whom a connection pays to, by direction as this side sees it. */
export interface Buckets {
  in?: Bucket | undefined;
  out?: Bucket | undefined;
}

/** Limits that all connections which are held to them share. */
export class Limiter {
  readonly buckets: Buckets;

  constructor(limits: TransferLimits, now?: () => number) {
    const bucket = (rate: number | undefined, burst: number | undefined): Bucket | undefined => {
      const checked = rateOf(rate, burst);
      return checked && new LocalBucket(checked, now);
    };
    this.buckets = { in: bucket(limits.rateIn, limits.burstIn), out: bucket(limits.rateOut, limits.burstOut) };
  }

  /** Holds a connection to the limits: its TCP socket, and the TLS socket on it, which no HTTP parser reads yet. */
  hold(tcp: Socket, tls: Socket): void {
    holdTo(this.buckets, tcp, tls);
  }
}

/** Lets a connection pay to buckets: its TCP socket, and the TLS socket on it, which no HTTP parser reads yet. */
export function holdTo(buckets: Buckets, tcp: Socket, tls: Socket): void {
  if (buckets.in || buckets.out) new LimitedConnection(tcp, tls).setBuckets(buckets);
}

/** A rest is looked at again after this long: what it waits for may have changed. */
const longestRestMs = 1000;
/** Timers know no less. A debt shorter than this is paid with the next. */
const leastRestMs = 1;
/** Received bytes that are fewer than a portion are paid for after this long. */
const settleMs = 50;

/**
 * What all connections of a bucket may have on the way together: what arrives in a moment that is longer than the way to
 * most peers and back. A new connection gets the least until it is known with how many it shares.
 */
const windowSeconds = 0.2;
const startMs = 500;
/** A connection that received nothing for so long does not count among those that share, which are counted so often. */
const idleMs = 1000;
const recountMs = 250;
/** With a window of fewer segments a sender waits for timers; those of the loopback are 64 KiB long. */
const leastSegments = 4;
const leastWindow = 32 * 1024;

/** What a socket is asked to write, below its stream. */
interface Writing {
  _write: (chunk: string | Uint8Array, encoding: BufferEncoding, done: (error?: Error | null) => void) => void;
  _writev?: (
    chunks: readonly { chunk: string | Uint8Array; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ) => void;
}

/** One connection that can be held to rates. */
export class LimitedConnection {
  readonly #tcp: Socket;
  readonly #tls: Socket;
  readonly #gate: ReadGate;
  #buckets: Buckets = {};
  #watchesReads = false;
  #gatesWrites = false;
  /** The receive window, where it is not the kernel's choice. */
  #window: number | undefined;
  #readBefore = 0;
  #paidIn = 0;
  #paidOut = 0;
  #settledAt = Number.NEGATIVE_INFINITY;
  /** When it began to pay for what it receives. */
  #startedAt = 0;
  /** When reading and writing go on, in the time of `performance.now`. */
  #readAt = 0;
  #writeAt = 0;
  #readTimer: NodeJS.Timeout | undefined;
  #writeTimer: NodeJS.Timeout | undefined;
  /** The piece that rests. */
  #resting: { write: () => void; fail: (error: Error) => void } | undefined;

  /** A TCP socket and the TLS socket on it, made while no HTTP parser reads it. */
  constructor(tcp: Socket, tls: Socket) {
    this.#tcp = tcp;
    this.#tls = tls;
    this.#gate = new ReadGate(tls);
    tcp.once('close', () => this.#closed());
  }

  /** From now on it pays to these; what rests is looked at again. */
  setBuckets(buckets: Buckets): void {
    if (buckets.in === this.#buckets.in && buckets.out === this.#buckets.out) return;
    if (buckets.in !== this.#buckets.in) {
      this.#payIn();
      this.#paidIn = this.#arrived();
    }
    if (buckets.out !== this.#buckets.out) {
      this.#payOut();
      this.#paidOut = this.#tcp.bytesWritten;
    }
    this.#buckets = buckets;
    if (buckets.in) {
      this.#startedAt = performance.now();
      if (!this.#watchesReads) this.#gate.watch(() => this.afterRead());
      this.#watchesReads = true;
      readers.add(this, buckets.in);
    } else readers.delete(this);
    this.#limitWindow();
    if (buckets.out && !this.#gatesWrites) this.#gateWrites();
    this.#openGate();
    this.#writeAt = 0;
    this.#resumeWrite();
  }

  // ---- what is received

  /** Whether anything was received lately. */
  isActive(now: number): boolean {
    return now - this.#settledAt < idleMs;
  }

  /** Pays for what has come since the last time, and stops reading until it is paid for. */
  afterRead(): void {
    const { in: bucket } = this.#buckets;
    if (!bucket) return;
    const bytes = this.#tcp.bytesRead - this.#readBefore;
    if (bytes === 0) return;
    const now = performance.now();
    if (bytes < bucket.portion && now - this.#settledAt < settleMs) return;
    this.#settledAt = now;
    this.#readBefore = this.#tcp.bytesRead;
    const rest = this.#payIn();
    if (rest < leastRestMs) return;
    this.#readAt = now + rest;
    if (this.#gate.isShut) return;
    this.#gate.shut();
    this.#restReading();
  }

  /** Goes on to rest while what came meanwhile, which nobody has read yet, is not paid for either. */
  #restReading(): void {
    const now = performance.now();
    if (this.#readAt - now < leastRestMs) this.#readAt = now + this.#payIn();
    const rest = this.#readAt - now;
    if (rest < leastRestMs) this.#openGate();
    else this.#readTimer = setTimeout(() => this.#restReading(), Math.min(rest, longestRestMs));
  }

  #openGate(): void {
    clearTimeout(this.#readTimer);
    if (!this.#tls.destroyed) this.#gate.open();
  }

  #payIn(): number {
    const arrived = this.#arrived();
    const bytes = arrived - this.#paidIn;
    this.#paidIn = arrived;
    this.#limitWindow();
    return bytes <= 0 ? 0 : (this.#buckets.in?.take(bytes) ?? 0);
  }

  /** What comes while the connection rests is not paid for yet: it must not be much. */
  #limitWindow(): void {
    const fd = descriptorOf(this.#tcp);
    const { in: bucket } = this.#buckets;
    if (fd === undefined) return;
    if (bucket?.rate === undefined) {
      if (this.#window !== undefined) limitReceiveWindow(fd, undefined);
      this.#window = undefined;
      return;
    }
    const now = performance.now();
    const share = now - this.#startedAt < startMs ? 0 : (bucket.rate * windowSeconds) / readers.sharing(bucket, now);
    const window = Math.ceil(Math.max(leastWindow, leastSegments * segmentSize(fd), share));
    if (window !== this.#window) limitReceiveWindow(fd, window);
    this.#window = window;
  }

  /** What has come over the network, read or not: a kernel takes megabytes ahead of a reader that rests. */
  #arrived(): number {
    const fd = descriptorOf(this.#tcp);
    return this.#tcp.bytesRead + (fd === undefined ? 0 : unreadBytes(fd));
  }

  // ---- what is sent

  #gateWrites(): void {
    this.#gatesWrites = true;
    const socket = this.#tls;
    const write = socket._write.bind(socket);
    socket._write = (chunk, encoding, done) => {
      if (!this.#buckets.out && this.#writeAt === 0) write(chunk, encoding, done);
      else this.#writePieces(write, asBytes(chunk, encoding), 0, done);
    };
    socket._writev = (chunks, done) => {
      const bytes = Buffer.concat(chunks.map(({ chunk, encoding }) => asBytes(chunk, encoding)));
      this.#writePieces(write, bytes, 0, done);
    };
  }

  #writePieces(write: Writing['_write'], bytes: Uint8Array, at: number, done: (error?: Error | null) => void): void {
    const rest = this.#writeAt - performance.now();
    if (rest >= leastRestMs) {
      this.#resting = { write: () => this.#writePieces(write, bytes, at, done), fail: done };
      this.#writeTimer = setTimeout(() => this.#resumeWrite(), Math.min(rest, longestRestMs));
      return;
    }
    this.#writeAt = 0;
    const piece = bytes.subarray(at, at + (this.#buckets.out?.portion ?? bytes.byteLength));
    write(piece, 'buffer' as BufferEncoding, (error) => {
      const debt = this.#payOut();
      if (debt >= leastRestMs) this.#writeAt = performance.now() + debt;
      const next = at + piece.byteLength;
      if (error || next >= bytes.byteLength) done(error);
      else this.#writePieces(write, bytes, next, done);
    });
  }

  #resumeWrite(): void {
    clearTimeout(this.#writeTimer);
    const resting = this.#resting;
    this.#resting = undefined;
    resting?.write();
  }

  #payOut(): number {
    const written = this.#tcp.bytesWritten;
    const bytes = written - this.#paidOut;
    this.#paidOut = written;
    return bytes === 0 ? 0 : (this.#buckets.out?.take(bytes) ?? 0);
  }

  #closed(): void {
    readers.delete(this);
    clearTimeout(this.#readTimer);
    clearTimeout(this.#writeTimer);
    const resting = this.#resting;
    this.#resting = undefined;
    resting?.fail(new Error('the connection was closed'));
    this.#payIn();
    this.#payOut();
  }
}

function asBytes(chunk: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/**
 * The connections whose received bytes are paid for. Beside each piece that a stream is given, every round of the event
 * loop is looked at after it has read: that counts what HTTP parsers take. While nothing comes the loop sleeps.
 */
const readers = new (class {
  readonly #connections = new Map<LimitedConnection, Bucket>();
  readonly #sharing = new WeakMap<Bucket, { count: number; at: number }>();
  #watching = false;

  add(connection: LimitedConnection, bucket: Bucket): void {
    this.#connections.set(connection, bucket);
    if (this.#watching) return;
    this.#watching = true;
    setImmediate(this.#look).unref();
  }

  delete(connection: LimitedConnection): void {
    this.#connections.delete(connection);
  }

  /** How many connections of this process have lately received what a bucket pays for; at least one. */
  sharing(bucket: Bucket, now: number): number {
    const known = this.#sharing.get(bucket);
    if (known !== undefined && now - known.at < recountMs) return known.count;
    let count = 0;
    for (const [connection, other] of this.#connections) if (other === bucket && connection.isActive(now)) count++;
    count = Math.max(1, count);
    this.#sharing.set(bucket, { count, at: now });
    return count;
  }

  readonly #look = (): void => {
    for (const connection of this.#connections.keys()) connection.afterRead();
    this.#watching = this.#connections.size > 0;
    if (this.#watching) setImmediate(this.#look).unref();
  };
})();
