// Reading the stored files of a snapshot: indexes parsed, blobs and indexes as bytes (backup-protocol.md 5.1, 7).

import * as fs from 'node:fs';
import { basename } from 'node:path';
import { GranaryError, messageOf } from '../base/errors.ts';
import { type ChunkIndex, parseIndex } from '../format/chunk-index.ts';
import { archiveKind } from '../model/names.ts';
import { asGranaryError, ifExists } from './store-context.ts';

const largestWhole = 256 * 1024;
const pieceSize = 256 * 1024;

/**
 * Opens and parses the index file at `path`, which `file` opens where that is no UTF-8.
 * Throws `Unable to open fixed|dynamic index "PATH" - ...`.
 */
export async function openIndexFile(path: string, file: string | Buffer = path): Promise<ChunkIndex> {
  const kind = archiveKind(path);
  if (kind !== 'fixed' && kind !== 'dynamic') {
    throw new GranaryError('bad-request', `unknown archive type: "${basename(path)}"`);
  }
  try {
    return parseIndex(path, await fs.promises.readFile(file), 'index');
  } catch (error) {
    const code = error instanceof GranaryError ? error.code : 'bad-request';
    throw new GranaryError(code, `Unable to open ${kind} index "${path}" - ${messageOf(error)}`, { cause: error });
  }
}

/** The whole file, or its pieces when it is a large one. Throws `not-found` when there is no such file. */
export async function readStoredFile(path: string): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  try {
    const stat = await ifExists(fs.promises.stat(path));
    if (!stat) throw new GranaryError('not-found', `open file "${path}" failed - not found`);
    return stat.size > largestWhole ? readPieces(path) : await fs.promises.readFile(path);
  } catch (error) {
    throw asGranaryError(`reading file "${path}" failed`, error);
  }
}

async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  await using file = await fs.promises.open(path, 'r');
  for (;;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(pieceSize), 0, pieceSize);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
