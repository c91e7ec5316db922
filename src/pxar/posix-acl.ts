// Access control lists between the kernel's attribute form (`system.posix_acl_*`) and the archive's items plus
// mode (pxar.md 3.7; the rebuild rules of 12). Pure: nobody's file system is touched.

import { GranaryError } from '../base/errors.ts';
import { noAcl, type PxarAcl, type PxarAclDefault, type PxarAclEntry, type PxarMetadata } from './types.ts';

const version = 2;
const undefinedId = 0xffffffff;
const tag = { userObject: 1, user: 2, groupObject: 4, group: 8, mask: 0x10, other: 0x20 } as const;

interface KernelAcl {
  userObject?: number;
  groupObject?: number;
  other?: number;
  mask?: number;
  users: PxarAclEntry[];
  groups: PxarAclEntry[];
}

/**
 * The ACL items of an object from its raw attributes. A default ACL counts for directories only, which the caller
 * ensures by not passing it. Throws `bad-request` naming `what` when an attribute is malformed.
 */
export function aclFromKernel(access: Uint8Array | undefined, defaults: Uint8Array | undefined, what: string): PxarAcl {
  const own = access === undefined ? undefined : parse(access, `${what}: system.posix_acl_access`);
  const inherited = defaults === undefined ? undefined : parse(defaults, `${what}: system.posix_acl_default`);
  const isPlain = own === undefined || (own.users.length === 0 && own.groups.length === 0 && own.mask === undefined);
  if (isPlain && inherited === undefined) return noAcl;
  return {
    users: own?.users ?? [],
    groups: own?.groups ?? [],
    groupObject: own?.mask === undefined ? undefined : own.groupObject,
    default:
      inherited === undefined
        ? undefined
        : {
            userObject: inherited.userObject,
            groupObject: inherited.groupObject,
            other: inherited.other,
            mask: inherited.mask,
          },
    defaultUsers: inherited?.users ?? [],
    defaultGroups: inherited?.groups ?? [],
  };
}

function parse(bytes: Uint8Array, what: string): KernelAcl {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 4 || (bytes.byteLength - 4) % 8 !== 0 || view.getUint32(0, true) !== version) {
    throw new GranaryError('bad-request', `${what}: not an ACL of version ${version}`);
  }
  const acl: KernelAcl = { users: [], groups: [] };
  for (let at = 4; at < bytes.byteLength; at += 8) {
    const permissions = view.getUint16(at + 2, true);
    const id = view.getUint32(at + 4, true);
    switch (view.getUint16(at, true)) {
      case tag.userObject:
        acl.userObject = permissions;
        break;
      case tag.user:
        acl.users.push({ id, permissions });
        break;
      case tag.groupObject:
        acl.groupObject = permissions;
        break;
      case tag.group:
        acl.groups.push({ id, permissions });
        break;
      case tag.mask:
        acl.mask = permissions;
        break;
      case tag.other:
        acl.other = permissions;
        break;
      default:
        throw new GranaryError('bad-request', `${what}: unknown tag ${view.getUint16(at, true)} at offset ${at}`);
    }
  }
  acl.users.sort(byIdAndPermissions);
  acl.groups.sort(byIdAndPermissions);
  return acl;
}

function byIdAndPermissions(a: PxarAclEntry, b: PxarAclEntry): number {
  return a.id - b.id || a.permissions - b.permissions;
}

/** An attribute to set, and whether its mask had to be guessed because the archive has none. */
export interface KernelAccessAcl {
  readonly value: Uint8Array;
  readonly maskGuessed: boolean;
}

/** The access ACL of an entry; undefined when it has none beyond its mode. */
export function accessAclToKernel({ mode, acl }: PxarMetadata): KernelAccessAcl | undefined {
  const named = acl.users.length > 0 || acl.groups.length > 0;
  if (!named && acl.groupObject === undefined) return undefined;
  const groupBits = (mode >> 3) & 7;
  const value = serialize({
    userObject: (mode >> 6) & 7,
    groupObject: acl.groupObject ?? groupBits,
    other: mode & 7,
    mask: groupBits,
    users: acl.users,
    groups: acl.groups,
  });
  return { value, maskGuessed: acl.groupObject === undefined };
}

/** The default ACL of a directory; undefined when it has none. Absent plain entries stay absent. */
export function defaultAclToKernel({ acl }: PxarMetadata): Uint8Array | undefined {
  if (acl.default === undefined) return undefined;
  return serialize({ ...acl.default, users: acl.defaultUsers, groups: acl.defaultGroups });
}

function serialize(
  acl: PxarAclDefault & { users: readonly PxarAclEntry[]; groups: readonly PxarAclEntry[] },
): Uint8Array {
  const rows: [number, number, number][] = [];
  const plain = (kind: number, permissions: number | undefined) => {
    if (permissions !== undefined) rows.push([kind, permissions, undefinedId]);
  };
  plain(tag.userObject, acl.userObject);
  for (const { id, permissions } of [...acl.users].sort(byIdAndPermissions)) rows.push([tag.user, permissions, id]);
  plain(tag.groupObject, acl.groupObject);
  for (const { id, permissions } of [...acl.groups].sort(byIdAndPermissions)) rows.push([tag.group, permissions, id]);
  plain(tag.mask, acl.mask);
  plain(tag.other, acl.other);
  const bytes = new Uint8Array(4 + 8 * rows.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, version, true);
  rows.forEach(([kind, permissions, id], i) => {
    view.setUint16(4 + 8 * i, kind, true);
    view.setUint16(6 + 8 * i, permissions, true);
    view.setUint32(8 + 8 * i, id, true);
  });
  return bytes;
}
