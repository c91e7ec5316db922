// Makes one unsplit archive of the two streams of a split one, for a reader that wants a single stream
// (pxar.md 9; cli.md 4: `restore … -`).

import type { ByteSink } from '../base/io.ts';
import { decodePxar, type PxarReadOptions, type PxarSource } from '../pxar/decoder.ts';
import { PxarEncoder } from '../pxar/encoder.ts';
import type { FileEvent, LinkTarget, PxarEvent } from '../pxar/types.ts';

/** Takes bytes; settles when it has room for more. */
export type JoinSink = (bytes: Uint8Array) => Promise<void>;

const bufferSize = 1024 * 1024;

/** Decodes, and encodes again as version 1. The prelude has no place there and is left out. */
export async function joinSplitArchive(source: PxarSource, sink: JoinSink, options: PxarReadOptions): Promise<void> {
  const output = new BufferedSink(sink);
  const encoder = new PxarEncoder({ archive: output });
  const targets = new Map<number, LinkTarget>();
  let started = false;
  for await (const event of decodePxar(source, options)) {
    if (event.kind === 'directory' && !started) {
      started = true;
      await encoder.start(event.meta);
    } else await encodeEvent(encoder, event, targets);
  }
  await encoder.finish();
  await output.finish();
}

async function encodeEvent(encoder: PxarEncoder, event: PxarEvent, targets: Map<number, LinkTarget>): Promise<void> {
  switch (event.kind) {
    case 'prelude':
      return;
    case 'directory':
      return encoder.startDirectory(event.name, event.meta);
    case 'end-directory':
      // The root's end is `finish`.
      if (event.directory.name.byteLength > 0) await encoder.endDirectory();
      return;
    case 'file':
      targets.set(event.offset, await encodeFile(encoder, event));
      return;
    case 'hardlink':
      return encoder.addHardLink(event.name, event.target, targets.get(event.targetOffset)!);
    case 'symlink':
      return encoder.addSymlink(event.name, event.meta, event.target);
    case 'device':
      return encoder.addDevice(event.name, event.meta, event.major, event.minor);
    case 'fifo':
      return encoder.addFifo(event.name, event.meta);
    case 'socket':
      return encoder.addSocket(event.name, event.meta);
  }
}

async function encodeFile(encoder: PxarEncoder, event: FileEvent): Promise<LinkTarget> {
  const target = await encoder.startFile(event.name, event.meta, event.size);
  for (;;) {
    const next = event.read();
    const piece = next instanceof Promise ? await next : next;
    if (piece === undefined) break;
    await encoder.payloadSink.write(piece);
  }
  encoder.endFile();
  return target;
}

class BufferedSink implements ByteSink {
  readonly #sink: JoinSink;
  #buffer = new Uint8Array(bufferSize);
  #used = 0;
  position = 0;

  constructor(sink: JoinSink) {
    this.#sink = sink;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#used + bytes.byteLength > bufferSize) return this.#writeLarge(bytes);
    this.#buffer.set(bytes, this.#used);
    this.commit(bytes.byteLength);
  }

  reserve(max: number): Uint8Array | Promise<Uint8Array> {
    const room = (): Uint8Array => this.#buffer.subarray(this.#used, Math.min(bufferSize, this.#used + max));
    return this.#used < bufferSize ? room() : this.finish().then(room);
  }

  commit(length: number): void {
    this.#used += length;
    this.position += length;
  }

  async finish(): Promise<void> {
    await this.#sink(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  async #writeLarge(bytes: Uint8Array): Promise<void> {
    await this.finish();
    await this.#sink(bytes);
    this.position += bytes.byteLength;
  }
}
