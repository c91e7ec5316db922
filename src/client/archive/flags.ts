// The archive's flag bits and the kernel's inode flags and FAT attributes that they stand for (pxar.md 3.9).

const inodeFlags: readonly (readonly [archive: number, kernel: number])[] = [
  [0x10000, 0x20], // APPEND
  [0x20000, 0x80], // NOATIME
  [0x40000, 0x4], // COMPR
  [0x80000, 0x800000], // NOCOW
  [0x100000, 0x40], // NODUMP
  [0x200000, 0x10000], // DIRSYNC
  [0x400000, 0x10], // IMMUTABLE
  [0x800000, 0x8], // SYNC
  [0x1000000, 0x400], // NOCOMP
  [0x2000000, 0x20000000], // PROJINHERIT
];

const fatAttributes: readonly (readonly [archive: number, fat: number])[] = [
  [0x2000, 0x02], // HIDDEN
  [0x4000, 0x04], // SYSTEM
  [0x8000, 0x20], // ARCHIVE
];

/** Kernel flags that must be set before a file gets content: NOATIME, COMPR, NOCOW, NOCOMP, PROJINHERIT. */
export const flagsBeforeContent = 0x80 | 0x4 | 0x800000 | 0x400 | 0x20000000;

/** All kernel flags that an archive can carry. */
export const archivedInodeFlags = inodeFlags.reduce((all, [, kernel]) => all | kernel, 0);

/** All FAT attributes that an archive can carry. */
export const archivedFatAttributes = fatAttributes.reduce((all, [, fat]) => all | fat, 0);

export function archiveFlags(inode: number, fat: number): bigint {
  let flags = 0;
  for (const [archive, kernel] of inodeFlags) if (inode & kernel) flags |= archive;
  for (const [archive, attribute] of fatAttributes) if (fat & attribute) flags |= archive;
  return BigInt(flags);
}

export function inodeFlagsOf(flags: bigint): number {
  let inode = 0;
  for (const [archive, kernel] of inodeFlags) if (flags & BigInt(archive)) inode |= kernel;
  return inode;
}

export function fatAttributesOf(flags: bigint): number {
  let fat = 0;
  for (const [archive, attribute] of fatAttributes) if (flags & BigInt(archive)) fat |= attribute;
  return fat;
}
