// Collects what an archive keeps about a file besides its content, asking each file system only for what
// it has: one call lists the attributes, and "not supported" is remembered per device (pxar.md 10.3).

import { existsSync } from 'node:fs';
import { isErrno } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';
import type { FileStat } from '../../os/at.ts';
import { getFatAttributes, getInodeFlags, getProjectId } from '../../os/inode-flags.ts';
import { fileSystemMagic } from '../../os/statfs.ts';
import { getXattr, listXattrs } from '../../os/xattr.ts';
import { aclFromKernel } from '../../pxar/posix-acl.ts';
import { noAcl, noXattrs, type PxarAcl, type PxarMetadata, type PxarXattr } from '../../pxar/types.ts';
import { type NamedEntry, pathOf } from './entry.ts';
import { type FileSystemFeatures, featuresOf } from './file-system.ts';
import { archiveFlags } from './flags.ts';

/** What the user does not want in the archive. */
export interface MetadataOptions {
  xattrs?: boolean;
  acls?: boolean;
  fcaps?: boolean;
  /** Leave out attribute lists and values that the kernel refuses as too big, instead of failing. */
  skipE2big?: boolean;
}

/** A file system that files of the tree lie on, with what it turned out not to support. */
export interface DeviceState {
  readonly magic: number;
  readonly features: FileSystemFeatures;
  inodeFlags: { file: boolean; directory: boolean };
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const maxXattrName = 255;

const aclAccess = Buffer.from('system.posix_acl_access');
const aclDefault = Buffer.from('system.posix_acl_default');
const capability = Buffer.from('security.capability');
const ntAcl = Buffer.from('security.NTACL');
const userPrefix = Buffer.from('user.');
const trustedPrefix = Buffer.from('trusted.');

type Warn = (path: Uint8Array, text: string) => void;

export class MetadataSource {
  readonly #options: MetadataOptions;
  readonly #warn: Warn;
  readonly #devices = new Map<number, DeviceState>();
  #proc: boolean | undefined;

  constructor(options: MetadataOptions, warn: Warn) {
    this.#options = options;
    this.#warn = warn;
  }

  /** The file system of device number `device`, on which `target` lies. */
  device(device: number, target: Uint8Array | number): DeviceState {
    let state = this.#devices.get(device);
    if (!state) {
      const magic = fileSystemMagic(target);
      const features = featuresOf(magic);
      if (this.#options.xattrs === false) features.xattrs = false;
      if (this.#options.acls === false) features.acls = false;
      if (this.#options.fcaps === false) features.fcaps = false;
      state = { magic, features, inodeFlags: { file: true, directory: true } };
      this.#devices.set(device, state);
    }
    return state;
  }

  /** Of a regular file or directory that is open for reading. */
  ofOpenFile(fd: number, stat: FileStat, entry: NamedEntry): PxarMetadata {
    const device = this.device(stat.device, fd);
    const projectId = device.features.projectIds ? this.#projectId(fd, device) : 0;
    return {
      mode: stat.mode,
      flags: this.#flags(fd, device, (stat.mode & S_IFMT) === S_IFDIR ? 'directory' : 'file'),
      uid: stat.uid,
      gid: stat.gid,
      mtime: stat.mtime,
      ...(device.features.xattrs ? this.#attributes(fd, stat.mode, device, entry) : plain),
      ...(projectId === 0 ? undefined : { projectId: BigInt(projectId) }),
    };
  }

  /** Of an object of another kind, which is the entry `name` of the open directory `directory`. */
  ofEntry(directory: number, stat: FileStat, entry: NamedEntry): PxarMetadata {
    const device = this.device(stat.device, directory);
    return {
      mode: stat.mode,
      flags: 0n,
      uid: stat.uid,
      gid: stat.gid,
      mtime: stat.mtime,
      ...(device.features.xattrs && this.#hasProc(entry)
        ? this.#attributes(
            Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), entry.name]),
            stat.mode,
            device,
            entry,
          )
        : plain),
    };
  }

  /** Attributes of what cannot be opened are read by a path through /proc; told once where that is not mounted. */
  #hasProc(entry: NamedEntry): boolean {
    if (this.#proc === undefined) {
      this.#proc = existsSync('/proc/self/fd');
      if (!this.#proc)
        this.#warn(pathOf(entry), 'extended attributes of symlinks and special files left out: no /proc');
    }
    return this.#proc;
  }

  #flags(fd: number, device: DeviceState, kind: 'file' | 'directory'): bigint {
    let inode = 0;
    if (device.inodeFlags[kind]) {
      const flags = getInodeFlags(fd);
      if (flags === undefined) device.inodeFlags[kind] = false;
      else inode = flags;
    }
    let fat = 0;
    if (device.features.fatAttributes) {
      const attributes = getFatAttributes(fd);
      if (attributes === undefined) device.features.fatAttributes = false;
      else fat = attributes;
    }
    return archiveFlags(inode, fat);
  }

  #projectId(fd: number, device: DeviceState): number {
    const id = getProjectId(fd);
    if (id === undefined) device.features.projectIds = false;
    return id ?? 0;
  }

  #attributes(target: Uint8Array | number, mode: number, device: DeviceState, entry: NamedEntry): Attributes {
    const names = this.#supported(device, 'xattrs', entry, 'extended attributes', () => listXattrs(target));
    if (names === undefined || names.length === 0) return plain;
    const xattrs: PxarXattr[] = [];
    let fcaps: Uint8Array | undefined;
    let access: Uint8Array | undefined;
    let defaults: Uint8Array | undefined;
    const isSymlink = (mode & S_IFMT) === S_IFLNK;
    for (const name of names) {
      const read = (feature: 'xattrs' | 'acls' | 'fcaps') =>
        device.features[feature]
          ? this.#supported(device, feature, entry, `extended attribute ${name}`, () => getXattr(target, name))
          : undefined;
      if (name.equals(aclAccess)) access = isSymlink ? undefined : read('acls');
      else if (name.equals(aclDefault)) defaults = isSymlink ? undefined : read('acls');
      else if (name.equals(capability)) fcaps = read('fcaps');
      else if (isArchived(name)) {
        const value = read('xattrs');
        if (value !== undefined) xattrs.push({ name, value });
      }
    }
    const acl =
      access || defaults
        ? aclFromKernel(access, (mode & S_IFMT) === S_IFDIR ? defaults : undefined, quotePath(pathOf(entry)))
        : noAcl;
    return { xattrs, acl, ...(fcaps === undefined ? undefined : { fcaps }) };
  }

  /** `read`'s answer; undefined, and the feature is off from now on, where the kernel does not support it. */
  #supported<T>(
    device: DeviceState,
    feature: 'xattrs' | 'acls' | 'fcaps',
    entry: NamedEntry,
    what: string,
    read: () => T,
  ): T | undefined {
    try {
      return read();
    } catch (error) {
      if (isErrno(error, 'ENOTSUP', 'ENOSYS')) {
        device.features[feature] = false;
        return undefined;
      }
      if (!isErrno(error, 'E2BIG') || !this.#options.skipE2big) throw error;
      this.#warn(pathOf(entry), `${what} left out: too big for the kernel to tell (E2BIG)`);
      return undefined;
    }
  }
}

interface Attributes {
  xattrs: readonly PxarXattr[];
  acl: PxarAcl;
  fcaps?: Uint8Array;
}

const plain: Attributes = { xattrs: noXattrs, acl: noAcl };

function isArchived(name: Buffer): boolean {
  if (name.byteLength > maxXattrName) return false;
  return startsWith(name, userPrefix) || startsWith(name, trustedPrefix) || name.equals(ntAcl);
}

function startsWith(name: Buffer, prefix: Buffer): boolean {
  return prefix.equals(name.subarray(0, prefix.byteLength));
}
