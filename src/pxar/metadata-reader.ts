// Reads the items in front of an entry's body: ENTRY, its attributes, names and link targets (pxar.md 3).
// Used by the sequential decoder and by the accessor, so both refuse the same things.

import { damaged } from './damage.ts';
import { Item } from './items.ts';
import {
  noAcl,
  noXattrs,
  type PxarAcl,
  type PxarAclDefault,
  type PxarAclEntry,
  type PxarMetadata,
  type PxarTime,
  type PxarXattr,
} from './types.ts';

/** Attributes of one entry are kept in memory; far above what any file system holds. */
const maxAttributeBytes = 64 * 1024 * 1024;

/** One item of content that lies contiguously in memory. */
export interface ItemContent {
  bytes: Uint8Array;
  view: DataView;
  /** Index of the content in `bytes`, and its length. */
  at: number;
  length: number;
}

interface Acl {
  users: PxarAclEntry[];
  groups: PxarAclEntry[];
  groupObject: number | undefined;
  default: PxarAclDefault | undefined;
  defaultUsers: PxarAclEntry[];
  defaultGroups: PxarAclEntry[];
}

/** Metadata that grows while its items are read. */
export class MetadataReader implements PxarMetadata {
  mode = 0;
  flags = 0n;
  uid = 0;
  gid = 0;
  mtime: PxarTime = { seconds: 0n, nanos: 0 };
  xattrs: readonly PxarXattr[] = noXattrs;
  acl: PxarAcl = noAcl;
  fcaps: Uint8Array | undefined = undefined;
  projectId: bigint | undefined = undefined;
  #attributeBytes = 0;

  /** Starts with an ENTRY or ENTRY_V1 item. */
  constructor(code: Item, item: ItemContent, archive: string, offset: number) {
    const { view, at } = item;
    this.mode = view.getUint32(at, true);
    if (view.getUint32(at + 4, true) !== 0) throw damaged(archive, offset, 'ENTRY has an impossible mode');
    const flagsLo = view.getUint32(at + 8, true);
    const flagsHi = view.getUint32(at + 12, true);
    if (flagsLo !== 0 || flagsHi !== 0) this.flags = (BigInt(flagsHi) << 32n) | BigInt(flagsLo);
    this.uid = view.getUint32(at + 16, true);
    this.gid = view.getUint32(at + 20, true);
    if (code === Item.entryV1) {
      const nanoseconds = view.getBigUint64(at + 24, true);
      this.mtime = { seconds: nanoseconds / 1_000_000_000n, nanos: Number(nanoseconds % 1_000_000_000n) };
    } else {
      const nanos = view.getUint32(at + 32, true);
      if (nanos > 999_999_999) throw damaged(archive, offset, `ENTRY has ${nanos} nanoseconds`);
      this.mtime = { seconds: view.getBigInt64(at + 24, true), nanos };
    }
  }

  /** Takes an attribute item in any order; false when the item is no attribute. Copies what it keeps. */
  add(code: Item, item: ItemContent, archive: string, offset: number): boolean {
    if (code < Item.xattr || code > Item.quotaProjectId) return false;
    this.#attributeBytes += item.length + 16;
    if (this.#attributeBytes > maxAttributeBytes) throw damaged(archive, offset, 'an entry has too many attributes');
    const { bytes, view, at } = item;
    switch (code) {
      case Item.xattr: {
        const end = at + item.length;
        const nul = bytes.indexOf(0, at);
        if (nul < 0 || nul >= end) throw damaged(archive, offset, 'XATTR without NUL');
        const xattr = { name: bytes.slice(at, nul), value: bytes.slice(nul + 1, end) };
        if (this.xattrs === noXattrs) this.xattrs = [xattr];
        else (this.xattrs as PxarXattr[]).push(xattr);
        return true;
      }
      case Item.fcaps:
        if (this.fcaps !== undefined) throw damaged(archive, offset, 'repeated FCAPS');
        this.fcaps = bytes.slice(at, at + item.length);
        return true;
      case Item.quotaProjectId:
        if (this.projectId !== undefined) throw damaged(archive, offset, 'repeated QUOTA_PROJID');
        this.projectId = view.getBigUint64(at, true);
        return true;
      case Item.aclUser:
        this.#acl().users.push(aclEntry(item, archive, offset));
        return true;
      case Item.aclGroup:
        this.#acl().groups.push(aclEntry(item, archive, offset));
        return true;
      case Item.aclDefaultUser:
        this.#acl().defaultUsers.push(aclEntry(item, archive, offset));
        return true;
      case Item.aclDefaultGroup:
        this.#acl().defaultGroups.push(aclEntry(item, archive, offset));
        return true;
      case Item.aclGroupObject: {
        const acl = this.#acl();
        if (acl.groupObject !== undefined) throw damaged(archive, offset, 'repeated ACL_GROUP_OBJ');
        acl.groupObject = readPermissions(view, at, archive, offset);
        return true;
      }
      case Item.aclDefault: {
        const acl = this.#acl();
        if (acl.default !== undefined) throw damaged(archive, offset, 'repeated ACL_DEFAULT');
        acl.default = {
          userObject: optionalPermissions(view, at, archive, offset),
          groupObject: optionalPermissions(view, at + 8, archive, offset),
          other: optionalPermissions(view, at + 16, archive, offset),
          mask: optionalPermissions(view, at + 24, archive, offset),
        };
        return true;
      }
      default:
        return false;
    }
  }

  #acl(): Acl {
    if (this.acl === noAcl) {
      const acl: Acl = {
        users: [],
        groups: [],
        groupObject: undefined,
        default: undefined,
        defaultUsers: [],
        defaultGroups: [],
      };
      this.acl = acl;
    }
    return this.acl as Acl;
  }
}

/** A u64 that must be exact as a number. */
export function readU64(view: DataView, at: number, archive: string, offset: number): number {
  const hi = view.getUint32(at + 4, true);
  if (hi > 0x1fffff) throw damaged(archive, offset, 'a number is beyond 2^53');
  return hi * 0x1_0000_0000 + view.getUint32(at, true);
}

function optionalPermissions(view: DataView, at: number, archive: string, offset: number): number | undefined {
  if (view.getUint32(at, true) === 0xffffffff && view.getUint32(at + 4, true) === 0xffffffff) return undefined;
  return readPermissions(view, at, archive, offset);
}

function readPermissions(view: DataView, at: number, archive: string, offset: number): number {
  const permissions = readU64(view, at, archive, offset);
  if (permissions > 7) throw damaged(archive, offset, `ACL permissions ${permissions}`);
  return permissions;
}

function aclEntry({ view, at }: ItemContent, archive: string, offset: number): PxarAclEntry {
  // A longer id would lose its upper half on the way to the kernel and name somebody else.
  const id = readU64(view, at, archive, offset);
  if (id > 0xffffffff) throw damaged(archive, offset, `an ACL for the id ${id}`);
  return { id, permissions: readPermissions(view, at + 8, archive, offset) };
}

/** The name in a FILENAME item, copied and checked: one path component. */
export function readName({ bytes, at, length }: ItemContent, archive: string, offset: number): Uint8Array {
  const end = at + length - 1;
  if (bytes[end] !== 0) throw damaged(archive, offset, 'FILENAME without final NUL');
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) throw damaged(archive, offset, 'FILENAME with NUL in the name');
    if (byte === 0x2f) throw damaged(archive, offset, "FILENAME with '/' in the name");
  }
  if (bytes[at] === 0x2e && (end === at + 1 || (end === at + 2 && bytes[at + 1] === 0x2e))) {
    throw damaged(archive, offset, "FILENAME is '.' or '..'");
  }
  return bytes.slice(at, end);
}

/** The target in a SYMLINK item, copied. */
export function readSymlink({ bytes, at, length }: ItemContent, archive: string, offset: number): Uint8Array {
  const end = at + length - 1;
  if (bytes.indexOf(0, at) !== end) throw damaged(archive, offset, 'SYMLINK target is not ended by its only NUL');
  return bytes.slice(at, end);
}

/** Distance and target of a HARDLINK item; `nameOffset` is that of its own FILENAME item. */
export function readHardLink(
  { bytes, view, at, length }: ItemContent,
  archive: string,
  offset: number,
  nameOffset: number,
): { target: Uint8Array; targetOffset: number } {
  const distance = readU64(view, at, archive, offset);
  if (distance === 0 || distance > nameOffset) {
    throw damaged(archive, offset, `HARDLINK has the impossible distance ${distance}`);
  }
  const start = at + 8;
  const end = at + length - 1;
  if (end <= start || bytes.indexOf(0, start) !== end) {
    throw damaged(archive, offset, 'HARDLINK target is empty or not ended by its only NUL');
  }
  if (bytes[start] === 0x2f) throw damaged(archive, offset, 'HARDLINK target is absolute');
  const target = bytes.slice(start, end);
  for (let from = 0; from <= target.byteLength; ) {
    const slash = target.indexOf(0x2f, from);
    const to = slash < 0 ? target.byteLength : slash;
    if (to - from === 2 && target[from] === 0x2e && target[from + 1] === 0x2e) {
      throw damaged(archive, offset, "HARDLINK target has a '..' component");
    }
    from = to + 1;
  }
  return { target, targetOffset: nameOffset - distance };
}

/** Checks a content size against the item's table row. */
export function checkContentSize(
  type: { name: string; minContent: number; maxContent: number },
  length: number,
  archive: string,
  offset: number,
): void {
  if (length < type.minContent || length > type.maxContent) {
    throw damaged(archive, offset, `${type.name} of ${length} bytes of content`);
  }
}
