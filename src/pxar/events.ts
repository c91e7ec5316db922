// The objects that the sequential decoder reports. Paths are made on demand from the chain of directories,
// so that an archive of deep directories costs nothing to those who do not ask.

import type {
  DeviceEvent,
  DirectoryEvent,
  EndDirectoryEvent,
  FifoEvent,
  FileEvent,
  HardLinkEvent,
  LinkTarget,
  PxarMetadata,
  SocketEvent,
  SymlinkEvent,
} from './types.ts';

const empty = new Uint8Array(0);

abstract class Named {
  readonly name: Uint8Array;
  readonly parent: Directory | undefined;
  readonly offset: number;

  constructor(name: Uint8Array, parent: Directory | undefined, offset: number) {
    this.name = name;
    this.parent = parent;
    this.offset = offset;
  }

  get path(): Uint8Array {
    const { parent, name } = this;
    if (parent === undefined) return empty;
    const above = parent.pathOfChildren();
    if (above.byteLength === 0) return name;
    const path = new Uint8Array(above.byteLength + name.byteLength);
    path.set(above);
    path.set(name, above.byteLength);
    return path;
  }
}

/** Longest directory path that is kept with its directory for the sake of its children. */
const keptPathLength = 4096;

export class Directory extends Named implements DirectoryEvent {
  readonly kind = 'directory';
  readonly meta: PxarMetadata;
  #pathOfChildren: Uint8Array | undefined = undefined;

  constructor(name: Uint8Array, parent: Directory | undefined, offset: number, meta: PxarMetadata) {
    super(name, parent, offset);
    this.meta = meta;
  }

  /** This directory's path with a slash behind it; empty for the root. */
  pathOfChildren(): Uint8Array {
    if (this.parent === undefined) return empty;
    if (this.#pathOfChildren !== undefined) return this.#pathOfChildren;
    let length = 0;
    for (let dir: Directory = this; dir.parent !== undefined; dir = dir.parent) length += dir.name.byteLength + 1;
    const path = new Uint8Array(length);
    for (let dir: Directory = this; dir.parent !== undefined; dir = dir.parent) {
      path[--length] = 0x2f;
      length -= dir.name.byteLength;
      path.set(dir.name, length);
    }
    if (path.byteLength <= keptPathLength) this.#pathOfChildren = path;
    return path;
  }
}

export class EndDirectory implements EndDirectoryEvent {
  readonly kind = 'end-directory';
  readonly directory: DirectoryEvent;

  constructor(directory: DirectoryEvent) {
    this.directory = directory;
  }
}

/** What a file event reads its content from; knows whether the file is still the current one. */
export interface ContentReader {
  readContent(file: FileEvent): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

export class File extends Named implements FileEvent {
  readonly kind = 'file';
  readonly meta: PxarMetadata;
  readonly size: number;
  readonly payloadOffset: number | undefined;
  readonly #reader: ContentReader;

  constructor(
    name: Uint8Array,
    parent: Directory,
    offset: number,
    meta: PxarMetadata,
    size: number,
    payloadOffset: number | undefined,
    reader: ContentReader,
  ) {
    super(name, parent, offset);
    this.meta = meta;
    this.size = size;
    this.payloadOffset = payloadOffset;
    this.#reader = reader;
  }

  read(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.#reader.readContent(this);
  }

  async *content(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = await this.read();
      if (piece === undefined) return;
      yield piece;
    }
  }
}

export class HardLink extends Named implements HardLinkEvent {
  readonly kind = 'hardlink';
  readonly target: Uint8Array;
  readonly targetOffset: LinkTarget;

  constructor(name: Uint8Array, parent: Directory, offset: number, target: Uint8Array, targetOffset: LinkTarget) {
    super(name, parent, offset);
    this.target = target;
    this.targetOffset = targetOffset;
  }
}

export class Symlink extends Named implements SymlinkEvent {
  readonly kind = 'symlink';
  readonly meta: PxarMetadata;
  readonly target: Uint8Array;

  constructor(name: Uint8Array, parent: Directory, offset: number, meta: PxarMetadata, target: Uint8Array) {
    super(name, parent, offset);
    this.meta = meta;
    this.target = target;
  }
}

export class Device extends Named implements DeviceEvent {
  readonly kind = 'device';
  readonly meta: PxarMetadata;
  readonly major: number;
  readonly minor: number;

  constructor(name: Uint8Array, parent: Directory, offset: number, meta: PxarMetadata, major: number, minor: number) {
    super(name, parent, offset);
    this.meta = meta;
    this.major = major;
    this.minor = minor;
  }
}

export class Pipe extends Named implements FifoEvent {
  readonly kind = 'fifo';
  readonly meta: PxarMetadata;

  constructor(name: Uint8Array, parent: Directory, offset: number, meta: PxarMetadata) {
    super(name, parent, offset);
    this.meta = meta;
  }
}

export class Socket extends Named implements SocketEvent {
  readonly kind = 'socket';
  readonly meta: PxarMetadata;

  constructor(name: Uint8Array, parent: Directory, offset: number, meta: PxarMetadata) {
    super(name, parent, offset);
    this.meta = meta;
  }
}
