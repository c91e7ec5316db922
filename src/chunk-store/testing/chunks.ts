// Chunks for tests: plain and encrypted, with content that is known.

import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CryptConfig } from '../../crypto/crypt-config.ts';
import { encodeBlob } from '../../format/blob.ts';

export interface TestChunk {
  digest: Uint8Array;
  /** Length of the content. */
  size: number;
  content: Uint8Array;
  blob: Uint8Array<ArrayBuffer>;
}

export const testKey = CryptConfig.fromKey(Uint8Array.from({ length: 32 }, (_, i) => i));

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: string, length: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  return new Uint8Array(createCipheriv('aes-256-ctr', key, new Uint8Array(16)).update(new Uint8Array(length)));
}

/** A new directory for a test, in memory where the machine has that: some tests make very many directories. */
export function temporaryDirectory(): string {
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  try {
    return mkdtempSync(join(parent, 'granary-'));
  } catch {
    return mkdtempSync(join(tmpdir(), 'granary-'));
  }
}

export function plainChunk(content: Uint8Array, compress = true): TestChunk {
  const digest = new Uint8Array(createHash('sha256').update(content).digest());
  return { digest, size: content.byteLength, content, blob: encodeBlob(content, { compress }) };
}

export function encryptedChunk(content: Uint8Array, compress = true): TestChunk {
  return {
    digest: testKey.digest(content),
    size: content.byteLength,
    content,
    blob: encodeBlob(content, { compress, crypt: testKey }),
  };
}
