// The field's identifiers and their grammars (formats.md 1.1, rest-api.md 9). Browser-safe.

export const safeIdPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
export const backupTypes = ['vm', 'ct', 'host'] as const;
export type BackupType = (typeof backupTypes)[number];

/** A plain file or archive name, a backup id, a namespace component: never a path. */
export function isSafeId(text: string): boolean {
  return safeIdPattern.test(text);
}

export function isDatastoreName(text: string): boolean {
  return isSafeId(text) && text.length >= 3 && text.length <= 32;
}

export function isBackupType(text: string): text is BackupType {
  return (backupTypes as readonly string[]).includes(text);
}

/** The kind of a stored file follows from its last extension only (formats.md 1.2). */
export type ArchiveKind = 'fixed' | 'dynamic' | 'blob';

export function archiveKind(fileName: string): ArchiveKind | undefined {
  if (fileName.endsWith('.fidx')) return 'fixed';
  if (fileName.endsWith('.didx')) return 'dynamic';
  if (fileName.endsWith('.blob')) return 'blob';
  return undefined;
}

/** Maps a user's archive name to the stored one: `root.pxar` to `root.pxar.didx`; stored names stay. */
export function storedArchiveName(name: string): string {
  if (archiveKind(name)) return name;
  if (name.endsWith('.img')) return `${name}.fidx`;
  if (/\.(pxar|mpxar|ppxar|pcat1)$/.test(name)) return `${name}.didx`;
  return `${name}.blob`;
}

/** The stored name without `.fidx`, `.didx` or `.blob`. */
export function userArchiveName(stored: string): string {
  return archiveKind(stored) ? stored.slice(0, -5) : stored;
}

export const manifestName = 'index.json.blob';
export const clientLogName = 'client.log.blob';
export const catalogName = 'catalog.pcat1.didx';
export const encryptedKeyName = 'rsa-encrypted.key.blob';

/** Bytes of content in each chunk of a fixed index. */
export const fixedChunkSize = 4 * 1024 * 1024;
/** Largest content of one chunk, and of one encoded blob without its header. */
export const maxChunkSize = 16 * 1024 * 1024;
/** Largest encoded chunk or blob that is accepted: content and the larger header. */
export const maxBlobSize = maxChunkSize + 44;

/** The last second of the year 9999: names of snapshots have four digits for the year. */
export const lastBackupTime = 253_402_300_799;

export type CryptMode = 'none' | 'encrypt' | 'sign-only';
export const cryptModes = ['none', 'encrypt', 'sign-only'] as const;
