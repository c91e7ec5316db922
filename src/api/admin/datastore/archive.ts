// Opens the content of a snapshot's files on the server: what is encrypted is refused, what the manifest lists must
// have the manifest's checksum.

import { toHex } from '../../../base/bytes.ts';
import { GranaryError } from '../../../base/errors.ts';
import { findFile } from '../../../format/manifest.ts';
import type { BackupSnapshot } from '../../../model/backup.ts';
import { PxarAccessor as Accessor, type PxarAccessor } from '../../../pxar/accessor.ts';
import { DatastoreReader } from '../../../wire/datastore-reader.ts';
import type { Target } from './target.ts';

/** The refusal of content that only its owner can read. */
export function encrypted(name: string): GranaryError {
  return new GranaryError('bad-request', `cannot decode '${name}' - is encrypted`);
}

/** The decoded content of `NAME.fidx` or `NAME.didx`. */
export async function openContent(
  { store, ns }: Target,
  snapshot: BackupSnapshot,
  name: string,
  signal: AbortSignal,
): Promise<DatastoreReader> {
  const manifest = await store.readManifest(ns, snapshot);
  const file = findFile(manifest, name);
  if (file === undefined) throw new GranaryError('bad-request', `manifest does not contain file '${name}'`);
  if (file['crypt-mode'] === 'encrypt') throw encrypted(name);
  const index = await store.openIndex(ns, snapshot, name);
  if (toHex(index.checksum()) !== file.csum || index.size !== file.size) {
    throw new GranaryError('index-invalid', `index of '${name}' is not the one that the manifest states`);
  }
  return new DatastoreReader({ chunks: store.chunks, index, signal });
}

/** Opens a pxar archive, whole (`NAME.pxar.didx`) or split (`NAME.mpxar.didx` and `NAME.ppxar.didx`). */
export async function openArchive(
  target: Target,
  snapshot: BackupSnapshot,
  name: string,
  signal: AbortSignal,
): Promise<PxarAccessor> {
  const split = name.endsWith('.mpxar.didx');
  if (!split && !name.endsWith('.pxar.didx')) {
    throw new GranaryError('bad-request', `'${name}' is not a pxar archive`);
  }
  const archive = await openContent(target, snapshot, name, signal);
  if (!split) return await Accessor.open({ archive }, { archiveName: name, signal });
  const payloadName = name.replace(/\.mpxar\.didx$/, '.ppxar.didx');
  const payload = await openContent(target, snapshot, payloadName, signal);
  return await Accessor.open({ archive, payload }, { archiveName: name, payloadName, signal });
}

export interface EntryPath {
  /** Stored name of the archive; absent for the snapshot itself. */
  archive?: string;
  /** Path inside, without slash in front; bytes, because names need not be UTF-8. */
  path: Buffer;
}

/**
 * Takes the `filepath` of a request apart: base64 of `ARCHIVE/PATH`, with or without slash in front, or of a path
 * alone when the archive is named apart. `root` and `/` stand for the snapshot itself.
 */
export function parseEntryPath(filepath: string, archiveName: string | undefined): EntryPath {
  let bytes = filepath === 'root' || filepath === '/' ? Buffer.alloc(0) : decodeBase64(filepath);
  while (bytes[0] === 0x2f) bytes = bytes.subarray(1);
  const slash = bytes.indexOf(0x2f);
  const first = (slash < 0 ? bytes : bytes.subarray(0, slash)).toString();
  const rest = slash < 0 ? Buffer.alloc(0) : bytes.subarray(slash + 1);
  if (archiveName === undefined) return first === '' ? { path: rest } : { archive: first, path: rest };
  return { archive: archiveName, path: first === archiveName ? rest : bytes };
}

function decodeBase64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1) {
    throw new GranaryError('bad-request', `file path is not base64: '${text.slice(0, 100)}'`);
  }
  return Buffer.from(text, 'base64');
}
