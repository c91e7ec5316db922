// The words of the pxar room: what an archive says about a file, and what a decoder reports.
// Spec: pxar.md 3 and 4. Bytes stay bytes: names and targets need not be UTF-8.

/** Seconds are rounded down, nanoseconds always added: 1 ms before the epoch is -1 s and 999000000 ns. */
export interface PxarTime {
  readonly seconds: bigint;
  readonly nanos: number;
}

export interface PxarXattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface PxarAclEntry {
  readonly id: number;
  /** r = 4, w = 2, x = 1. */
  readonly permissions: number;
}

/** The four plain entries of a default ACL; an absent one is undefined (2^64-1 in the archive). */
export interface PxarAclDefault {
  readonly userObject?: number;
  readonly groupObject?: number;
  readonly other?: number;
  readonly mask?: number;
}

/** The ACL items of an entry; `groupObject` is present exactly when the access ACL has a mask, which then is the mode's group bits. */
export interface PxarAcl {
  readonly users: readonly PxarAclEntry[];
  readonly groups: readonly PxarAclEntry[];
  readonly groupObject?: number;
  readonly default?: PxarAclDefault;
  readonly defaultUsers: readonly PxarAclEntry[];
  readonly defaultGroups: readonly PxarAclEntry[];
}

/** ENTRY and its attribute items. */
export interface PxarMetadata {
  /** As `st_mode`: file type and permission bits. */
  readonly mode: number;
  /** File attributes of pxar.md 3.9. */
  readonly flags: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: PxarTime;
  readonly xattrs: readonly PxarXattr[];
  readonly acl: PxarAcl;
  /** Raw `security.capability`. */
  readonly fcaps?: Uint8Array;
  readonly projectId?: bigint;
}

/** No ACL beyond the mode. One shared object, because nearly every entry has it. */
export const noAcl: PxarAcl = Object.freeze({
  users: Object.freeze([]),
  groups: Object.freeze([]),
  defaultUsers: Object.freeze([]),
  defaultGroups: Object.freeze([]),
});

export const noXattrs: readonly PxarXattr[] = Object.freeze([]);

export const fileTypeMask = 0o170000;
export const fileType = {
  socket: 0o140000,
  symlink: 0o120000,
  regular: 0o100000,
  blockDevice: 0o060000,
  directory: 0o040000,
  characterDevice: 0o020000,
  fifo: 0o010000,
} as const;

/** Position of a regular file's FILENAME item in its archive: what a later hard link points at. */
export type LinkTarget = number;

interface EntryEvent {
  /** Name without directory; empty for the root. */
  readonly name: Uint8Array;
  /** Path from the archive root without leading `/`; empty for the root. Made on first use. */
  readonly path: Uint8Array;
  /** Offset of the FILENAME item (of the ENTRY item for the root). */
  readonly offset: number;
}

interface MetadataEvent extends EntryEvent {
  readonly meta: PxarMetadata;
}

/** Opaque bytes in front of a split archive's root; the client keeps its exclude patterns there. */
export interface PreludeEvent {
  readonly kind: 'prelude';
  readonly data: Uint8Array;
}

export interface DirectoryEvent extends MetadataEvent {
  readonly kind: 'directory';
}

/** Everything below `directory` has been reported. */
export interface EndDirectoryEvent {
  readonly kind: 'end-directory';
  readonly directory: DirectoryEvent;
}

export interface FileEvent extends MetadataEvent {
  readonly kind: 'file';
  readonly size: number;
  /** Split archives: position of the PAYLOAD header in the payload stream. */
  readonly payloadOffset?: number;
  /**
   * The next piece of content, undefined behind the last one; a promise only when data has to be waited for.
   * A piece is a view on the decoder's input. Whatever is not read is skipped when the next event is asked for.
   */
  read(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** `read` as an iterable. */
  content(): AsyncIterable<Uint8Array>;
}

export interface HardLinkEvent extends EntryEvent {
  readonly kind: 'hardlink';
  /** Path of the target from the archive root, relative, without `..`. */
  readonly target: Uint8Array;
  readonly targetOffset: LinkTarget;
}

export interface SymlinkEvent extends MetadataEvent {
  readonly kind: 'symlink';
  readonly target: Uint8Array;
}

/** Block or character device: see the type bits of `meta.mode`. */
export interface DeviceEvent extends MetadataEvent {
  readonly kind: 'device';
  readonly major: number;
  readonly minor: number;
}

export interface FifoEvent extends MetadataEvent {
  readonly kind: 'fifo';
}

export interface SocketEvent extends MetadataEvent {
  readonly kind: 'socket';
}

export type PxarEvent =
  | PreludeEvent
  | DirectoryEvent
  | EndDirectoryEvent
  | FileEvent
  | HardLinkEvent
  | SymlinkEvent
  | DeviceEvent
  | FifoEvent
  | SocketEvent;
