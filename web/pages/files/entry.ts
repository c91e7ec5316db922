// What a snapshot holds, as the browser lists it: its files, and what is inside of archives.

import { fromBase64, toBase64 } from '../../base/sealed/bytes.ts';

/** d f l h b c p s as in a catalog; v an archive of files, i an image, o another file of the snapshot. */
export type EntryType = 'd' | 'f' | 'l' | 'h' | 'b' | 'c' | 'p' | 's' | 'v' | 'i' | 'o';

export interface Entry {
  /** Base64 of `ARCHIVE/PATH`, or of a file's name. */
  id: string;
  /** Name to show. */
  name: string;
  type: EntryType;
  size?: number;
  /** Epoch seconds. */
  mtime?: number;
  mode?: number;
}

export interface EntryFacts {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  size?: number;
  target?: string;
  device?: string;
  xattrs: string[];
  acl: boolean;
}

export const isContainer = (entry: Entry): boolean => entry.type === 'd' || entry.type === 'v';
/** Whether it has content of its own to show and to download. */
export const hasContent = (entry: Entry): boolean => 'fhio'.includes(entry.type);

export const pathBytes = (id: string): Uint8Array<ArrayBuffer> => fromBase64(id) ?? new Uint8Array();
export const idOf = (path: string | Uint8Array): string =>
  toBase64(typeof path === 'string' ? new TextEncoder().encode(path) : path);

/** For people: `root.pxar.didx/etc/passwd`. */
export const pathOf = (id: string): string => new TextDecoder().decode(pathBytes(id));

/** The archive's stored name, and the path inside without slash in front. */
export function partsOf(id: string): { archive: string; inside: Uint8Array<ArrayBuffer> } {
  const bytes = pathBytes(id);
  const slash = bytes.indexOf(0x2f);
  if (slash < 0) return { archive: new TextDecoder().decode(bytes), inside: new Uint8Array() };
  return { archive: new TextDecoder().decode(bytes.subarray(0, slash)), inside: bytes.slice(slash + 1) };
}

/** The directories above, from the archive down. */
export function ancestorsOf(id: string): string[] {
  const bytes = pathBytes(id);
  const above: string[] = [];
  for (let slash = bytes.indexOf(0x2f); slash >= 0; slash = bytes.indexOf(0x2f, slash + 1)) {
    above.push(idOf(bytes.subarray(0, slash)));
  }
  return above;
}

/** The files of a snapshot that somebody wants to see: not catalogs, payloads and lists. */
export function topEntries(files: readonly { filename: string; size?: number | undefined }[]): Entry[] {
  return files
    .filter(({ filename }) => !/^(catalog\.pcat1\.didx|index\.json\.blob|.*\.ppxar\.didx)$/.test(filename))
    .map(({ filename, size }) => ({
      id: idOf(filename),
      name: filename,
      type: /\.m?pxar\.didx$/.test(filename) ? 'v' : filename.endsWith('.fidx') ? 'i' : 'o',
      ...(size === undefined || filename.endsWith('.mpxar.didx') ? {} : { size }),
    }));
}

/** Directories first, then by name as people sort it. */
export function sorted(entries: Entry[], language: string): Entry[] {
  const { compare } = new Intl.Collator(language, { numeric: true });
  return entries.sort((a, b) => Number(isContainer(b)) - Number(isContainer(a)) || compare(a.name, b.name));
}

/** The name that a user gives: without the endings of storage; a split archive is called as a whole one. */
export const plainName = (name: string): string =>
  name.replace(/\.mpxar\.didx$/, '.pxar').replace(/\.(fidx|didx|blob)$/, '');

/** The snapshot's own files without those endings, everything inside of archives as it is called. */
export const shownName = (entry: Entry): string => ('vio'.includes(entry.type) ? plainName(entry.name) : entry.name);

const permissionBits = 'rwxrwxrwx';
const typeLetters: Record<number, string> = { 1: 'p', 2: 'c', 4: 'd', 6: 'b', 8: '-', 10: 'l', 12: 's' };

/** As `ls -l` shows it: `-rwsr-xr-x`. */
export function modeText(mode: number): string {
  const letters = [...permissionBits].map((letter, i) => (mode & (1 << (8 - i)) ? letter : '-'));
  for (const [bit, at, set] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === '-' ? set.toUpperCase() : set;
  }
  return `${typeLetters[(mode >> 12) & 15] ?? '?'}${letters.join('')}`;
}
