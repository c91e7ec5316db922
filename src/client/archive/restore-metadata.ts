// Applies an entry's metadata to the object that was made for it, in the order in which no step undoes an
// earlier one: owner, attributes, permissions, time, flags (pxar.md 12).

import { closeSync, constants, fchmodSync, fchownSync } from 'node:fs';
import { chmodAt, chownAt, openAt } from '../../os/at.ts';
import {
  getFatAttributes,
  getInodeFlags,
  setFatAttributes,
  setInodeFlags,
  setProjectId,
} from '../../os/inode-flags.ts';
import { setModificationTime, setModificationTimeAt } from '../../os/times.ts';
import { setXattr } from '../../os/xattr.ts';
import { accessAclToKernel, defaultAclToKernel } from '../../pxar/posix-acl.ts';
import { fileType, fileTypeMask, type PxarMetadata } from '../../pxar/types.ts';
import {
  archivedFatAttributes,
  archivedInodeFlags,
  fatAttributesOf,
  flagsBeforeContent,
  inodeFlagsOf,
} from './flags.ts';
import type { RestoreReport } from './restore-report.ts';

/** Which kinds of metadata are wanted. */
export interface MetadataWishes {
  ownership: boolean;
  permissions: boolean;
  xattrs: boolean;
  acls: boolean;
  fcaps: boolean;
}

/** The entry `name` of an open directory; `fd` when the object itself is open (files and directories). */
export interface RestoreTarget {
  directory: number;
  name: Uint8Array;
  fd: number | undefined;
}

const aclAccess = Buffer.from('system.posix_acl_access');
const aclDefault = Buffer.from('system.posix_acl_default');
const capability = Buffer.from('security.capability');
const ntAcl = 'security.NTACL';
const setIdBits = 0o6000;

export class MetadataRestorer {
  readonly #wishes: MetadataWishes;
  readonly #report: RestoreReport;
  readonly #onWarning: (path: Uint8Array, text: string) => void;
  readonly #uid = process.geteuid?.() ?? 0;

  constructor(wishes: MetadataWishes, report: RestoreReport, onWarning: (path: Uint8Array, text: string) => void) {
    this.#wishes = wishes;
    this.#report = report;
    this.#onWarning = onWarning;
  }

  /** Sets those inode flags of a new file that only work while it is empty. */
  beforeContent(fd: number, meta: PxarMetadata, path: Uint8Array): void {
    const flags = inodeFlagsOf(meta.flags) & flagsBeforeContent;
    if (flags === 0) return;
    this.#report.attempt('file flags', path, () => setInodeFlags(fd, (getInodeFlags(fd) ?? 0) | flags));
  }

  /** `path` names the entry in reports. */
  apply(target: RestoreTarget, meta: PxarMetadata, path: Uint8Array): void {
    const isSymlink = (meta.mode & fileTypeMask) === fileType.symlink;
    const owned = this.#owner(target, meta, path);
    if (this.#wishes.xattrs || this.#wishes.fcaps || this.#wishes.acls) this.#attributes(target, meta, path, isSymlink);
    const { fd } = target;
    if (meta.projectId !== undefined && fd !== undefined) {
      const id = Number(meta.projectId);
      this.#report.attempt('project quota ids', path, () => setProjectId(fd, id));
    }
    if (this.#wishes.permissions && !isSymlink) this.#permissions(target, meta, path, owned);
    const { seconds, nanos } = meta.mtime;
    this.#report.attempt('modification times', path, () =>
      fd === undefined
        ? setModificationTimeAt(target.directory, target.name, seconds, nanos)
        : setModificationTime(fd, seconds, nanos),
    );
    if (fd !== undefined && meta.flags !== 0n) this.#flags(fd, meta.flags, path);
  }

  /** Whether the object belongs to its archived owner now. */
  #owner({ directory, name, fd }: RestoreTarget, { uid, gid }: PxarMetadata, path: Uint8Array): boolean {
    if (!this.#wishes.ownership) return uid === this.#uid;
    return this.#report.attempt('ownership', path, () =>
      fd === undefined ? chownAt(directory, name, uid, gid) : fchownSync(fd, uid, gid),
    );
  }

  #attributes(target: RestoreTarget, meta: PxarMetadata, path: Uint8Array, isSymlink: boolean): void {
    const where = target.fd ?? entryPath(target);
    if (this.#wishes.xattrs) {
      for (const { name, value } of meta.xattrs) {
        this.#report.attempt('extended attributes', path, () => {
          if (!isRestorable(name)) throw notRestorable(name);
          setXattr(where, name, value);
        });
      }
    }
    const { fcaps } = meta;
    if (this.#wishes.fcaps && fcaps !== undefined) {
      this.#report.attempt('capabilities', path, () => setXattr(where, capability, fcaps));
    }
    if (!this.#wishes.acls || isSymlink) return;
    const access = accessAclToKernel(meta);
    if (access !== undefined) {
      if (access.maskGuessed)
        this.#onWarning(path, 'its access control list has no mask: the group permissions are used');
      this.#report.attempt('access control lists', path, () => setXattr(where, aclAccess, access.value));
    }
    const defaults = defaultAclToKernel(meta);
    if (defaults !== undefined) {
      this.#report.attempt('access control lists', path, () => setXattr(where, aclDefault, defaults));
    }
  }

  #permissions(target: RestoreTarget, meta: PxarMetadata, path: Uint8Array, owned: boolean): void {
    let mode = meta.mode & 0o7777;
    // A set-id bit on a file that stayed ours would give our rights away, not the archived owner's.
    if (!owned && (meta.mode & fileTypeMask) !== fileType.directory) mode &= ~setIdBits;
    const { directory, name, fd } = target;
    this.#report.attempt('permissions', path, () =>
      fd === undefined ? chmodAt(directory, name, mode) : fchmodSync(fd, mode),
    );
  }

  #flags(fd: number, flags: bigint, path: Uint8Array): void {
    const inode = inodeFlagsOf(flags);
    if (inode !== 0) {
      this.#report.attempt('file flags', path, () => {
        const now = getInodeFlags(fd) ?? 0;
        const wanted = (now & ~archivedInodeFlags) | inode;
        if (wanted !== now) setInodeFlags(fd, wanted);
      });
    }
    const fat = fatAttributesOf(flags);
    if (fat !== 0) {
      this.#report.attempt('file flags', path, () =>
        setFatAttributes(fd, ((getFatAttributes(fd) ?? 0) & ~archivedFatAttributes) | fat),
      );
    }
  }
}

/**
 * Runs `step` with the immutable and append-only flags of a file taken off, which forbid to link it.
 * Returns false when it had none, or they cannot be changed.
 */
export function withoutLocks(directory: number, name: Uint8Array, step: () => void): boolean {
  const locks = 0x10 | 0x20;
  const fd = openAt(directory, name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const flags = getInodeFlags(fd) ?? 0;
    if ((flags & locks) === 0) return false;
    setInodeFlags(fd, flags & ~locks);
    try {
      step();
    } finally {
      setInodeFlags(fd, flags);
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Attributes that archives carry; others, which could change how the system treats a file, are not set. */
function isRestorable(name: Uint8Array): boolean {
  const text = Buffer.from(name).toString('latin1');
  return text.startsWith('user.') || text.startsWith('trusted.') || text === ntAcl;
}

function notRestorable(name: Uint8Array): Error {
  const text = Buffer.from(name).toString();
  return Object.assign(new Error(`EPERM: attributes like '${text}' are not restored`), { code: 'EPERM' });
}

function entryPath({ directory, name }: RestoreTarget): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name]);
}
