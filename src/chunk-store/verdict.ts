// What the two doorways for content decide, for every backend alike: may these bytes come in under that
// digest (backup-protocol.md 5.3), and is what is stored still what an index says (formats.md 17)?

import { freeBytes } from '../base/bytes.ts';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { blobInfo, checkBlob, decodeBlob, writeBlobCrc } from '../format/blob.ts';
import { maxBlobSize, maxChunkSize } from '../model/names.ts';
import type { ChunkKind, ChunkVerdict } from './contract.ts';
import type { IncomingChunk } from './insert-table.ts';

/**
 * Checks an incoming chunk and writes its CRC, or checks that too. For a plain one the content must have the digest and be `size`
 * bytes long. Throws with the protocol's texts; `blob` may then have a new CRC, but nothing else has changed.
 * What is decompressed comes into `contentRoom`, if there is one: memory that is used again and again costs less.
 */
export function admitChunk(
  blob: Uint8Array,
  { digest, size }: { digest: Uint8Array; size: number },
  { copyOf, contentRoom }: { copyOf?: ChunkKind; contentRoom?: Uint8Array } = {},
): IncomingChunk {
  const { encrypted, compressed, computedCrc } = copyOf === undefined ? blobInfo(blob, '') : checkBlob(blob, '');
  if (copyOf !== undefined && encrypted !== (copyOf === 'encrypted')) {
    throw new GranaryError('blob-invalid', wrongKind(encrypted));
  }
  if (!encrypted) {
    const room = contentRoom?.subarray(0, size);
    dropContent(decodeBlob(blob, { what: '', ignoreCrc: true, maxSize: maxChunkSize, digest, size, room }), blob, room);
  }
  writeBlobCrc(blob, computedCrc);
  return { encrypted, compressed, size: blob.byteLength };
}

function wrongKind(encrypted: boolean): string {
  return encrypted ? 'chunk is encrypted, but has to be plain' : 'chunk is plain, but has to be encrypted';
}

/**
 * Content in memory of its own goes at once, else it is memory for dozens of chunks before the collector comes. There
 * is some only if the content was not as long as it was said to be, or the caller has no room.
 */
function dropContent(content: Uint8Array, blob: Uint8Array, room: Uint8Array | undefined): void {
  if (content.buffer !== blob.buffer && content !== room) freeBytes(content);
}

/** What a blob is that the caller vouches for. Throws `blob-invalid` when it is none. */
export function describeChunk(blob: Uint8Array, what: string): IncomingChunk {
  if (blob.byteLength > maxBlobSize) {
    throw new GranaryError('blob-invalid', `${what}: chunk of ${blob.byteLength} bytes is too large`);
  }
  const { encrypted, compressed } = checkBlob(blob, what);
  return { encrypted, compressed, size: blob.byteLength };
}

/** Judges a stored blob; never throws for what is wrong with it. `contentRoom` as for `admitChunk`. */
export function judgeChunk(
  blob: Uint8Array,
  expected: { digest: Uint8Array; size: number; encrypted: boolean },
  contentRoom?: Uint8Array,
): { verdict: ChunkVerdict; error?: string } {
  try {
    const { encrypted } = checkBlob(blob, '');
    if (encrypted !== expected.encrypted) {
      return { verdict: 'mismatch', error: wrongKind(encrypted) };
    }
    if (!encrypted) {
      const { digest, size } = expected;
      const room = contentRoom?.subarray(0, size);
      const content = decodeBlob(blob, { what: '', ignoreCrc: true, maxSize: maxChunkSize, digest, room });
      const length = content.byteLength;
      dropContent(content, blob, room);
      if (length !== size) {
        return { verdict: 'mismatch', error: `detected chunk with wrong length (${size} != ${length})` };
      }
    }
    return { verdict: 'ok' };
  } catch (error) {
    return { verdict: 'corrupt', error: messageOf(error) };
  }
}

/** The verdict on a chunk that the system would not let us read. */
export function judgeReadError(error: unknown): { verdict: ChunkVerdict; error: string } {
  if (isErrno(error, 'ENOENT')) return { verdict: 'missing', error: 'chunk is missing' };
  // The medium has lost the content; anything else says nothing about it.
  if (isErrno(error, 'EIO', 'EBADMSG', 'EUCLEAN', 'ENODATA')) return { verdict: 'corrupt', error: messageOf(error) };
  return { verdict: 'unreadable', error: messageOf(error) };
}
