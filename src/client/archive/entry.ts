// One entry of a tree on its way from the walk to the encoder. Between the two it may wait in the
// look-ahead of metadata mode, so it carries everything that encoding needs, open files included.

import type { LinkTarget, PxarMetadata } from '../../pxar/types.ts';

/** The first occurrence of a file with several names; `target` is known once it has been encoded. */
export interface LinkedFile {
  readonly path: Uint8Array;
  target?: LinkTarget;
}

/** Tens of thousands of entries may wait in metadata mode: they share the path of their directory. */
export interface NamedEntry {
  readonly name: Uint8Array;
  /** Path of the directory from the archive root, with a slash at its end only; empty for the root's entries. */
  readonly parent: Uint8Array;
}

/** From the archive root, without leading `/`. */
export function pathOf({ parent, name }: NamedEntry): Uint8Array {
  return Buffer.concat([parent, name]);
}

export interface DirectoryItem extends NamedEntry {
  readonly kind: 'directory';
  readonly meta: PxarMetadata;
}

export interface EndDirectoryItem {
  readonly kind: 'end-directory';
}

export interface FileItem extends NamedEntry {
  readonly kind: 'file';
  readonly meta: PxarMetadata;
  /** As the file system told before anything was read. */
  readonly size: number;
  /** Open for reading at the start of the file; whoever encodes or drops the item closes it. */
  readonly fd: number;
  /** Set when the file has more than one name. */
  readonly linked: LinkedFile | undefined;
  /** Metadata mode: where the unchanged content lies in the previous payload stream. */
  previousOffset: number | undefined;
}

/** A file without a file behind it: `.pxarexclude-cli`. */
export interface SyntheticFileItem extends NamedEntry {
  readonly kind: 'synthetic';
  readonly meta: PxarMetadata;
  readonly content: Uint8Array;
}

export interface HardLinkItem extends NamedEntry {
  readonly kind: 'hardlink';
  readonly linked: LinkedFile;
}

export interface SymlinkItem extends NamedEntry {
  readonly kind: 'symlink';
  readonly meta: PxarMetadata;
  readonly target: Uint8Array;
}

export interface DeviceItem extends NamedEntry {
  readonly kind: 'device';
  readonly meta: PxarMetadata;
  readonly major: number;
  readonly minor: number;
}

export interface PlainItem extends NamedEntry {
  readonly kind: 'fifo' | 'socket';
  readonly meta: PxarMetadata;
}

export type ArchiveItem =
  | DirectoryItem
  | EndDirectoryItem
  | FileItem
  | SyntheticFileItem
  | HardLinkItem
  | SymlinkItem
  | DeviceItem
  | PlainItem;

/** Takes the entries of a tree in archive order. */
export interface ItemSink {
  add(item: ArchiveItem): void | Promise<void>;
  /** Encodes what is still waiting. */
  finish(): void | Promise<void>;
  /** Closes the files of items that were never encoded. */
  [Symbol.dispose](): void;
}
