// What moving files and chunks from one datastore to another has in common, whichever way (sync.md 4 and 6).

import { createHash } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { type ChunkIndex, parseIndex } from '../format/chunk-index.ts';
import type { Manifest, ManifestFile } from '../format/manifest.ts';
import { type BackupSnapshot, formatSnapshot } from '../model/backup.ts';
import { archiveKind, maxBlobSize } from '../model/names.ts';
import type { SourceReader } from './source.ts';

/** Longest index: of more than ten million chunks. */
const maxIndexSize = 512 * 1024 * 1024;

export interface Transferred {
  chunks: number;
  /** Encoded. */
  bytes: number;
}

/** Bytes that a blob of so much content may have, also when somebody kept a compression that made it longer. */
export function longestEncoding(size: number): number {
  return size + Math.ceil(size / 256) + 4096;
}

/** A file of a snapshot as it is stored, with its index if it is one. */
export interface SourceFile {
  raw: Uint8Array;
  index: ChunkIndex | undefined;
}

/** Reads a file that the manifest names. Throws when it is missing, or not the one that the manifest means. */
export async function readSourceFile(reader: SourceReader, file: ManifestFile): Promise<SourceFile> {
  const { filename } = file;
  const isBlob = archiveKind(filename) === 'blob';
  const raw = await reader.file(filename, isBlob ? maxBlobSize : maxIndexSize);
  if (!raw) throw new GranaryError('not-found', `the source has no file '${filename}'`);
  if (isBlob) {
    checkFile(file, raw.byteLength, createHash('sha256').update(raw).digest('hex'));
    return { raw, index: undefined };
  }
  const index = parseIndex(filename, raw, filename);
  checkFile(file, index.size, toHex(index.checksum()));
  return { raw, index };
}

/** Throws `manifest-invalid` when it is the manifest of another snapshot. */
export function checkIdentity(manifest: Manifest, snapshot: BackupSnapshot): void {
  if (formatSnapshot(manifest) === formatSnapshot(snapshot)) return;
  const text = `the manifest of ${formatSnapshot(snapshot)} is that of ${formatSnapshot(manifest)}`;
  throw new GranaryError('manifest-invalid', text);
}

function checkFile({ filename, size, csum }: ManifestFile, actualSize: number, actualSum: string): void {
  const code = archiveKind(filename) === 'blob' ? 'blob-invalid' : 'index-invalid';
  if (actualSize !== size) throw new GranaryError(code, `wrong size for file '${filename}' (${size} != ${actualSize})`);
  if (actualSum !== csum) throw new GranaryError(code, `wrong checksum for file '${filename}'`);
}
