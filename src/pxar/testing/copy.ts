// Decodes an archive and encodes what comes out: the same bytes, if both sides are right.

import assert from 'node:assert/strict';
import { type ByteSink, MemorySink } from '../../base/io.ts';
import { decodePxar } from '../decoder.ts';
import { PxarEncoder } from '../encoder.ts';
import type { LinkTarget } from '../types.ts';
import { pieces } from './streams.ts';

export interface Archive {
  archive: Uint8Array;
  payload?: Uint8Array;
}

export async function copyArchive(source: Archive, pieceSize: number): Promise<Archive> {
  const archive = new MemorySink();
  const payload = source.payload === undefined ? undefined : new MemorySink();
  await copyInto(source, pieceSize, archive, payload);
  return { archive: archive.bytes(), ...(payload && { payload: payload.bytes() }) };
}

export async function copyInto(
  source: Archive,
  pieceSize: number,
  archive: ByteSink,
  payload: ByteSink | undefined,
): Promise<void> {
  const targets = new Map<number, LinkTarget>();
  let prelude: Uint8Array | undefined;
  let encoder: PxarEncoder | undefined;
  let depth = 0;
  const events = decodePxar({
    archive: pieces(source.archive, pieceSize),
    ...(source.payload && { payload: pieces(source.payload, pieceSize) }),
  });
  for await (const event of events) {
    if (event.kind === 'prelude') {
      prelude = event.data;
      continue;
    }
    if (encoder === undefined) {
      assert.equal(event.kind, 'directory');
      encoder = new PxarEncoder({ archive, payload, prelude });
    }
    switch (event.kind) {
      case 'directory':
        await (depth++ === 0 ? encoder.start(event.meta) : encoder.startDirectory(event.name, event.meta));
        break;
      case 'end-directory':
        await (--depth === 0 ? encoder.finish() : encoder.endDirectory());
        break;
      case 'file':
        targets.set(event.offset, await encoder.startFile(event.name, event.meta, event.size));
        for await (const piece of event.content()) await encoder.payloadSink.write(piece);
        encoder.endFile();
        break;
      case 'hardlink':
        await encoder.addHardLink(event.name, event.target, targets.get(event.targetOffset)!);
        break;
      case 'symlink':
        await encoder.addSymlink(event.name, event.meta, event.target);
        break;
      case 'device':
        await encoder.addDevice(event.name, event.meta, event.major, event.minor);
        break;
      case 'fifo':
        await encoder.addFifo(event.name, event.meta);
        break;
      case 'socket':
        await encoder.addSocket(event.name, event.meta);
        break;
    }
  }
}
