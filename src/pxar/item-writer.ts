// Puts the small items of an entry one after the other into a buffer that grows and is reused (pxar.md 3 and 4),
// so that an entry reaches the sink in one write.

import { asBuffer } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { quotePath } from '../base/quote.ts';
import { setU64 } from './goodbye.ts';
import { headerSize, Item, itemTypes, maxAttributeLength, maxNameLength } from './items.ts';
import type { PxarAclEntry, PxarMetadata } from './types.ts';

export class ItemWriter {
  #bytes = new Uint8Array(16 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Everything since the last `clear`; a view, valid until the next item. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** An item header whose content, except for a payload's, is added by the caller; returns where the content goes. */
  #header(code: Item, contentLength: number, room: number): number {
    const at = this.#length;
    const end = at + headerSize + room;
    if (end > this.#bytes.byteLength) this.#grow(end);
    const type = itemTypes[code]!;
    const view = this.#view;
    view.setUint32(at, type.lo, true);
    view.setUint32(at + 4, type.hi, true);
    setU64(view, at + 8, headerSize + contentLength);
    this.#length = end;
    return at + headerSize;
  }

  #grow(needed: number): void {
    const bigger = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
    bigger.set(this.#bytes);
    this.#bytes = bigger;
    this.#view = new DataView(bigger.buffer);
  }

  /** The header of content that follows elsewhere: PAYLOAD, and the markers of the payload stream. */
  header(code: Item, contentLength: number): void {
    this.#header(code, contentLength, 0);
  }

  formatVersion(version: number): void {
    setU64(this.#view, this.#header(Item.formatVersion, 8, 8), version);
  }

  prelude(data: Uint8Array): void {
    const at = this.#header(Item.prelude, data.byteLength, data.byteLength);
    this.#bytes.set(data, at);
  }

  filename(name: Uint8Array): void {
    const length = name.byteLength;
    if (length < 1 || length > maxNameLength) throw unfit(name, `a name of ${length} bytes`);
    if ((length === 1 && name[0] === 0x2e) || (length === 2 && name[0] === 0x2e && name[1] === 0x2e)) {
      throw unfit(name, "the name '.' or '..'");
    }
    const at = this.#header(Item.filename, length + 1, length + 1);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const byte = name[i]!;
      if (byte === 0 || byte === 0x2f) throw unfit(name, "a name with NUL or '/'");
      bytes[at + i] = byte;
    }
    bytes[at + length] = 0;
  }

  symlink(name: Uint8Array, target: Uint8Array): void {
    if (target.byteLength > maxNameLength) throw unfit(name, `a link target of ${target.byteLength} bytes`);
    if (target.includes(0)) throw unfit(name, 'a link target with NUL');
    const at = this.#header(Item.symlink, target.byteLength + 1, target.byteLength + 1);
    this.#bytes.set(target, at);
    this.#bytes[at + target.byteLength] = 0;
  }

  hardLink(name: Uint8Array, distance: number, target: Uint8Array): void {
    const length = target.byteLength;
    if (length < 1 || length > maxNameLength) throw unfit(name, `a hard link target of ${length} bytes`);
    if (target[0] === 0x2f || target.includes(0)) throw unfit(name, 'a hard link target that is absolute or has NUL');
    const at = this.#header(Item.hardLink, length + 9, length + 9);
    setU64(this.#view, at, distance);
    this.#bytes.set(target, at + 8);
    this.#bytes[at + 8 + length] = 0;
  }

  device(major: number, minor: number): void {
    this.#pair(Item.device, major, minor);
  }

  payloadReference(offset: number, size: number): void {
    this.#pair(Item.payloadReference, offset, size);
  }

  /** ENTRY and its attributes, in the order of the grammar. `name` is for errors. */
  metadata(meta: PxarMetadata, name: Uint8Array): void {
    const at = this.#header(Item.entry, 40, 40);
    const view = this.#view;
    setU64(view, at, meta.mode);
    if (meta.flags === 0n) setU64(view, at + 8, 0);
    else view.setBigUint64(at + 8, meta.flags, true);
    view.setUint32(at + 16, meta.uid, true);
    view.setUint32(at + 20, meta.gid, true);
    view.setBigInt64(at + 24, meta.mtime.seconds, true);
    view.setUint32(at + 32, meta.mtime.nanos, true);
    view.setUint32(at + 36, 0, true);
    if (meta.xattrs.length > 0) this.#xattrs(meta, name);
    const acl = meta.acl;
    this.#aclEntries(Item.aclUser, acl.users);
    this.#aclEntries(Item.aclGroup, acl.groups);
    if (acl.groupObject !== undefined) setU64(this.#view, this.#header(Item.aclGroupObject, 8, 8), acl.groupObject);
    if (acl.default !== undefined) {
      const to = this.#header(Item.aclDefault, 32, 32);
      this.#permissions(to, acl.default.userObject);
      this.#permissions(to + 8, acl.default.groupObject);
      this.#permissions(to + 16, acl.default.other);
      this.#permissions(to + 24, acl.default.mask);
    }
    this.#aclEntries(Item.aclDefaultUser, acl.defaultUsers);
    this.#aclEntries(Item.aclDefaultGroup, acl.defaultGroups);
    if (meta.fcaps !== undefined) {
      const length = meta.fcaps.byteLength;
      if (length > maxAttributeLength) throw unfit(name, `file capabilities of ${length} bytes`);
      this.#bytes.set(meta.fcaps, this.#header(Item.fcaps, length, length));
    }
    if (meta.projectId !== undefined) {
      const to = this.#header(Item.quotaProjectId, 8, 8);
      this.#view.setBigUint64(to, meta.projectId, true);
    }
  }

  #xattrs(meta: PxarMetadata, name: Uint8Array): void {
    for (const xattr of meta.xattrs) {
      const length = xattr.name.byteLength + 1 + xattr.value.byteLength;
      if (length > maxAttributeLength || xattr.name.includes(0)) {
        throw unfit(name, `the attribute ${quotePath(xattr.name)} of ${length} bytes`);
      }
      const at = this.#header(Item.xattr, length, length);
      this.#bytes.set(xattr.name, at);
      this.#bytes[at + xattr.name.byteLength] = 0;
      this.#bytes.set(xattr.value, at + xattr.name.byteLength + 1);
    }
  }

  #aclEntries(code: Item, entries: readonly PxarAclEntry[]): void {
    for (const { id, permissions } of entries) this.#pair(code, id, permissions);
  }

  #permissions(at: number, value: number | undefined): void {
    if (value === undefined) this.#view.setBigUint64(at, 0xffff_ffff_ffff_ffffn, true);
    else setU64(this.#view, at, value);
  }

  #pair(code: Item, first: number, second: number): void {
    const at = this.#header(code, 16, 16);
    setU64(this.#view, at, first);
    setU64(this.#view, at + 8, second);
  }
}

/** What the format cannot hold; the caller decides whether that ends the backup. */
export function unfit(name: Uint8Array, what: string): GranaryError {
  return new GranaryError('bad-request', `${quotePath(asBuffer(name))}: ${what} does not fit into a pxar archive`);
}
