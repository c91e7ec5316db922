// The item types of an archive (pxar.md 2): numbers as two 32-bit halves, and the content sizes each may have.
// Inside the room an item is known by its small `Item` code, which switches cheaply.

/** Header of every item: type u64, full size u64. */
export const headerSize = 16;

/** Longest name, link target and hard link path without their NUL. */
export const maxNameLength = 4096;
/** Longest xattr name + NUL + value, and longest FCAPS. */
export const maxAttributeLength = 65791;

export const Item = {
  unknown: 0,
  formatVersion: 1,
  prelude: 2,
  entry: 3,
  entryV1: 4,
  filename: 5,
  symlink: 6,
  device: 7,
  xattr: 8,
  aclUser: 9,
  aclGroup: 10,
  aclGroupObject: 11,
  aclDefault: 12,
  aclDefaultUser: 13,
  aclDefaultGroup: 14,
  fcaps: 15,
  quotaProjectId: 16,
  hardLink: 17,
  payload: 18,
  payloadReference: 19,
  goodbye: 20,
  payloadStart: 21,
  payloadTail: 22,
} as const;
export type Item = (typeof Item)[keyof typeof Item];

export interface ItemType {
  readonly name: string;
  /** Its siphash is the type number. */
  readonly label: string;
  readonly hi: number;
  readonly lo: number;
  readonly minContent: number;
  readonly maxContent: number;
}

const any = Number.MAX_SAFE_INTEGER - headerSize;

function type(name: string, label: string, hi: number, lo: number, minContent: number, maxContent = minContent) {
  return { name, label: `__PROXMOX_FORMAT_${label}__`, hi, lo, minContent, maxContent };
}

/** By `Item` code. */
export const itemTypes: readonly ItemType[] = [
  { name: 'unknown', label: '', hi: 0, lo: 0, minContent: 0, maxContent: any },
  type('FORMAT_VERSION', 'VERSION', 0x730f6c75, 0xdf16a40d, 8),
  type('PRELUDE', 'PRELUDE', 0xe309d79d, 0x9f7b771b, 0, any),
  type('ENTRY', 'ENTRY_V2', 0xd5956474, 0xe588acef, 40),
  type('ENTRY_V1', 'ENTRY', 0x11da850a, 0x1c1cceff, 32),
  type('FILENAME', 'FILENAME', 0x16701121, 0x063917b3, 2, maxNameLength + 1),
  type('SYMLINK', 'SYMLINK', 0x27f971e7, 0xdbf5dc5f, 1, maxNameLength + 1),
  type('DEVICE', 'DEVICE', 0x9fc9e906, 0x586d5ce9, 16),
  type('XATTR', 'XATTR', 0x0dab0229, 0xb57dcd03, 0, maxAttributeLength),
  type('ACL_USER', 'ACL_USER', 0x2ce8540a, 0x457d55b8, 16),
  type('ACL_GROUP', 'ACL_GROUP', 0x136e3ece, 0xb04c03ab, 16),
  type('ACL_GROUP_OBJ', 'ACL_GROUP_OBJ', 0x10868031, 0xe9582876, 8),
  type('ACL_DEFAULT', 'ACL_DEFAULT', 0xbbbb1341, 0x5a6896f5, 32),
  type('ACL_DEFAULT_USER', 'ACL_DEFAULT_USER', 0xc89357b4, 0x0532cd1f, 16),
  type('ACL_DEFAULT_GROUP', 'ACL_DEFAULT_GROUP', 0xf90a8a58, 0x16038ffe, 16),
  type('FCAPS', 'FCAPS', 0x2da9dd9d, 0xb5f7fb67, 0, maxAttributeLength),
  type('QUOTA_PROJID', 'QUOTA_PROJID', 0xe07540e8, 0x2f7d1cbb, 8),
  type('HARDLINK', 'HARDLINK', 0x51269c84, 0x22bd7275, 9, maxNameLength + 9),
  type('PAYLOAD', 'PXAR_PAYLOAD', 0x28147a1b, 0x0b7c1a25, 0, any),
  type('PAYLOAD_REF', 'PXAR_PAYLOAD_REF', 0x419d3d6b, 0xc4ba977e, 16),
  type('GOODBYE', 'GOODBYE', 0x2fec4fa6, 0x42d5731d, 24, any),
  type('PAYLOAD_START_MARKER', 'PXAR_PAYLOAD_START_MARKER', 0x834c68c2, 0x194a4ed2, 0),
  type('PAYLOAD_TAIL_MARKER', 'PXAR_PAYLOAD_TAIL_MARKER', 0x6c72b78b, 0x984c81b5, 0),
];

/** Closes each goodbye table; looks like a name hash and is no item. */
export const goodbyeTail = {
  label: '__PROXMOX_FORMAT_PXAR_GOODBYE_TAIL_MARKER__',
  hi: 0xef5eed5b,
  lo: 0x753e1555,
} as const;

// With this multiplier the 22 low halves fall into different slots (tested), so one probe decides.
const slots = new Uint8Array(64);
const slotOf = (lo: number) => Math.imul(lo, 381) >>> 26;
for (let code = 1; code < itemTypes.length; code++) slots[slotOf(itemTypes[code]!.lo)] = code;

/** The code of an item type, `Item.unknown` when there is no such type. */
export function identifyItem(hi: number, lo: number): Item {
  const code = slots[slotOf(lo)]! as Item;
  const found = itemTypes[code]!;
  return found.lo === lo && found.hi === hi ? code : Item.unknown;
}
