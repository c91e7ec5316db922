// Encodes entries, in the order in which they come, into the archive and the catalog.

import { closeSync } from 'node:fs';
import { withContext } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';
import type { CatalogWriter } from '../../format/catalog.ts';
import type { PxarEncoder } from '../../pxar/encoder.ts';
import { copyContent } from './content.ts';
import { type ArchiveItem, type FileItem, type ItemSink, type LinkedFile, pathOf } from './entry.ts';
import type { Pacer } from './pacer.ts';

const S_IFMT = 0o170000;
const S_IFBLK = 0o060000;

/** What has been archived so far. */
export interface ArchiveCounts {
  files: number;
  directories: number;
  symlinks: number;
  hardLinks: number;
  /** Devices, fifos and sockets. */
  specials: number;
  /** Bytes of file content, read or reused. */
  bytes: number;
  /** Files whose content was taken from the previous archive, and their bytes. */
  reusedFiles: number;
  reusedBytes: number;
}

export interface EmitterOptions {
  encoder: PxarEncoder;
  catalog: CatalogWriter | undefined;
  /** Announces that a file starts at this position of the payload stream. */
  suggest: ((offset: number) => void) | undefined;
  counts: ArchiveCounts;
  pacer: Pacer;
  warn: (path: Uint8Array, text: string) => void;
}

export class Emitter implements ItemSink {
  readonly #o: EmitterOptions;

  constructor(options: EmitterOptions) {
    this.#o = options;
  }

  async add(item: ArchiveItem): Promise<void> {
    const { encoder, catalog, counts } = this.#o;
    switch (item.kind) {
      case 'directory':
        counts.directories++;
        await encoder.startDirectory(item.name, item.meta);
        return catalog?.startDirectory(item.name);
      case 'end-directory':
        await encoder.endDirectory();
        return catalog?.endDirectory();
      case 'file':
        return this.#file(item);
      case 'synthetic':
        this.#o.suggest?.(encoder.payloadPosition);
        await encoder.startFile(item.name, item.meta, item.content.byteLength);
        await encoder.payloadSink.write(item.content);
        encoder.endFile();
        return catalog?.addFile(item.name, item.content.byteLength, item.meta.mtime.seconds);
      case 'hardlink':
        counts.hardLinks++;
        await encoder.addHardLink(item.name, item.linked.path, targetOf(item.linked));
        return catalog?.addHardLink(item.name);
      case 'symlink':
        counts.symlinks++;
        await encoder.addSymlink(item.name, item.meta, item.target);
        return catalog?.addSymlink(item.name);
      case 'device':
        counts.specials++;
        await encoder.addDevice(item.name, item.meta, item.major, item.minor);
        return (item.meta.mode & S_IFMT) === S_IFBLK
          ? catalog?.addBlockDevice(item.name)
          : catalog?.addCharDevice(item.name);
      case 'fifo':
        counts.specials++;
        await encoder.addFifo(item.name, item.meta);
        return catalog?.addFifo(item.name);
      case 'socket':
        counts.specials++;
        await encoder.addSocket(item.name, item.meta);
        return catalog?.addSocket(item.name);
    }
  }

  /** Encodes a file whose content lies in the payload stream already, behind a header at `payloadOffset`. */
  async addReference(item: FileItem, payloadOffset: number): Promise<void> {
    const { encoder, catalog, counts } = this.#o;
    closeSync(item.fd);
    counts.files++;
    counts.bytes += item.size;
    counts.reusedFiles++;
    counts.reusedBytes += item.size;
    this.#o.suggest?.(encoder.payloadPosition);
    const target = await encoder.addPayloadReference(item.name, item.meta, item.size, payloadOffset);
    if (item.linked) item.linked.target = target;
    return catalog?.addFile(item.name, item.size, item.meta.mtime.seconds);
  }

  finish(): void {}

  [Symbol.dispose](): void {}

  async #file(item: FileItem): Promise<void> {
    const { encoder, catalog, counts, pacer, warn } = this.#o;
    try {
      this.#o.suggest?.(encoder.payloadPosition);
      const target = await encoder.startFile(item.name, item.meta, item.size);
      if (item.linked) item.linked.target = target;
      const change = await copyContent(item.fd, item.size, encoder.payloadSink, pacer);
      if (change === 'grown') warn(pathOf(item), `grew while it was read: cut at ${item.size} bytes`);
      if (change === 'shrunk')
        warn(pathOf(item), `shrank while it was read: filled up with zeros to ${item.size} bytes`);
      encoder.endFile();
    } catch (error) {
      throw withContext(quotePath(pathOf(item)), error);
    } finally {
      closeSync(item.fd);
    }
    counts.files++;
    counts.bytes += item.size;
    return catalog?.addFile(item.name, item.size, item.meta.mtime.seconds);
  }
}

function targetOf(linked: LinkedFile): number {
  if (linked.target === undefined) throw new Error(`hard link target ${quotePath(linked.path)} was not encoded before`);
  return linked.target;
}
