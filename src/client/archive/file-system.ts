// What a file system can tell about its files, by its magic number: which attributes are asked for at all,
// and which file systems are virtual and never archived (pxar.md 10.3, 10.4).

/** Kinds of attributes that a file system has, or that the user wants. */
export interface FileSystemFeatures {
  xattrs: boolean;
  acls: boolean;
  fcaps: boolean;
  projectIds: boolean;
  fatAttributes: boolean;
}

const none: FileSystemFeatures = { xattrs: false, acls: false, fcaps: false, projectIds: false, fatAttributes: false };
const withAttributes: FileSystemFeatures = { ...none, xattrs: true, acls: true, fcaps: true };

const byMagic = new Map<number, FileSystemFeatures>([
  [0x4d44, { ...none, fatAttributes: true }], // MSDOS
  [0xef53, { ...withAttributes, projectIds: true }], // ext4
  [0x58465342, { ...withAttributes, projectIds: true }], // XFS
  [0x2fc12fc1, { ...withAttributes, projectIds: true }], // ZFS
  [0x9123683e, withAttributes], // btrfs
  [0x01021994, { ...none, acls: true }], // tmpfs
  [0x65735546, { ...none, xattrs: true, fatAttributes: true }], // FUSE
]);

/** Features of the file system with this `f_type`; what is not listed gets the attributes common to most. */
export function featuresOf(magic: number): FileSystemFeatures {
  return { ...(byMagic.get(magic) ?? withAttributes) };
}

const virtualMagics = new Set([
  0x42494e4d, // binfmt_misc
  0x63677270, // cgroup2
  0x0027e0eb, // cgroup
  0x62656570, // configfs
  0x64626720, // debugfs
  0x1cd1, // devpts
  0xde5e81e4, // efivarfs
  0x65735543, // fusectl
  0x958458f6, // hugetlbfs
  0x19800202, // mqueue
  0x6e667364, // nfsd
  0x9fa0, // proc
  0x6165676c, // pstore
  0x67596969, // rpc_pipefs
  0x73636673, // securityfs
  0xf97cff8c, // selinuxfs
  0x43415d53, // smackfs
  0x62656572, // sysfs
]);

/** Whether the content of this file system is made up by the kernel. */
export function isVirtual(magic: number): boolean {
  return virtualMagics.has(magic);
}
