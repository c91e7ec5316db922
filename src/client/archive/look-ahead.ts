// Metadata mode: entries wait until it is clear whether the chunks of the previous payload stream that they lie
// in are worth taking over, then are encoded with references into these, or as usual (pxar.md 13).

import { closeSync } from 'node:fs';
import { openFileLimit } from '../../os/process.ts';
import type { PxarEncoder } from '../../pxar/encoder.ts';
import { type PayloadIndex, type ReuseAction, type ReusedChunk, ReusePlanner } from '../../pxar/reuse.ts';
import type { Emitter } from './emitter.ts';
import type { ArchiveItem, FileItem, ItemSink } from './entry.ts';

export interface LookAheadOptions {
  encoder: PxarEncoder;
  emitter: Emitter;
  /** Of the previous payload archive. */
  index: PayloadIndex;
  /** Most entries that may wait, each with an open file; the default follows from the limit of open files. */
  limit?: number | undefined;
  /** Puts chunks that the server has into the payload stream at `boundary`. */
  inject: (boundary: number, chunks: readonly ReusedChunk[]) => void | Promise<void>;
}

export class LookAhead implements ItemSink {
  readonly #o: LookAheadOptions;
  readonly #planner: ReusePlanner<ArchiveItem>;
  /** Files that have not been handed to the emitter, which closes them. */
  readonly #waiting = new Set<FileItem>();

  constructor(options: LookAheadOptions) {
    this.#o = options;
    const { encoder, index, limit = defaultLimit() } = options;
    this.#planner = new ReusePlanner({ index, position: () => encoder.payloadPosition, limit });
  }

  add(item: ArchiveItem): Promise<void> {
    const planner = this.#planner;
    switch (item.kind) {
      case 'file':
        this.#waiting.add(item);
        return this.#carryOut(planner.file(item, item.size, item.previousOffset));
      case 'hardlink':
        return this.#carryOut(planner.hardLink(item));
      case 'end-directory':
        return this.#carryOut(planner.endDirectory(item));
      default:
        return this.#carryOut(planner.other(item));
    }
  }

  finish(): Promise<void> {
    return this.#carryOut(this.#planner.finish());
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#waiting) closeSync(fd);
    this.#waiting.clear();
  }

  async #carryOut(actions: Iterable<ReuseAction<ArchiveItem>>): Promise<void> {
    const { emitter, encoder, inject } = this.#o;
    for (const action of actions) {
      if (action.kind === 'inject') {
        await inject(action.boundary, action.chunks);
        encoder.skipPayload(action.size);
        continue;
      }
      const { entry } = action;
      if (entry.kind === 'file') this.#waiting.delete(entry);
      if (action.kind === 'encode') await emitter.add(entry);
      else if (entry.kind === 'file') await emitter.addReference(entry, action.payloadOffset);
    }
  }
}

/**
 * Small files have to wait in great numbers, because the range that they cover together has to be worth
 * several chunks of some MiB.
 */
function defaultLimit(): number {
  const most = 65536;
  const reserve = 1024;
  const files = openFileLimit();
  return Math.max(16, Math.min(most, files > 2 * reserve ? files - reserve : Math.floor(files / 2)));
}
