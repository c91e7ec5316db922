// What everything else is made of, on one core and 4 MiB at a time, in shared memory as the pipelines use it.
// Usage: sh scripts/node.sh bench/primitives.ts [--rounds 5]

import { createCipheriv, createDecipheriv, createHash, hash, randomFillSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { freeBytes } from '../src/base/bytes.ts';
import { SharedArena } from '../src/base/shared-arena.ts';
import { ScannerProgram, scannerReserved } from '../src/chunker/simd-scanner.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const size = 4 * 1024 * 1024;
const perRound = 16;
const arena = new SharedArena(3 * size, scannerReserved);
const [noise, text, zeros] = [0, 1, 2].map(() => arena.tryAcquire(size)!);
const program = new ScannerProgram(arena.memory);
const key = Buffer.alloc(32, 1);
const iv = Buffer.alloc(16, 2);

randomFillSync(noise!.bytes);
const words = 'the quick brown fox jumps over a lazy dog while seven wizards box with jolly quartz kings'.split(' ');
for (let at = 0, x = 1; at < size; ) {
  x = (Math.imul(x, 1103515245) + 12345) >>> 0;
  const piece = Buffer.from(x % 11 === 0 ? `${x} ` : `${words[(x >>> 9) % words.length]} `).subarray(0, size - at);
  text!.bytes.set(piece, at);
  at += piece.length;
}

function compress(bytes: Uint8Array, level: number): Buffer {
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  return zstdCompressSync(bytes, { chunkSize: bytes.byteLength + 64 * 1024, params });
}

const packedText = compress(text!.bytes, 1);
const cipherText = createCipheriv('aes-256-gcm', key, iv).update(noise!.bytes);
const target = new Uint8Array(size);

const work: Record<string, () => void> = {
  'SHA-256': () => hash('sha256', noise!.bytes, 'buffer'),
  'SHA-256, keyed': () => createHash('sha256').update(noise!.bytes).update(key).digest(),
  'CRC-32': () => crc32(noise!.bytes),
  'AES-256-GCM encrypt': () => freeBytes(createCipheriv('aes-256-gcm', key, iv).update(noise!.bytes)),
  'AES-256-GCM decrypt': () => freeBytes(createDecipheriv('aes-256-gcm', key, iv).update(cipherText)),
  'zstd 1, text': () => freeBytes(compress(text!.bytes, 1)),
  'zstd 1, noise': () => freeBytes(compress(noise!.bytes, 1)),
  'zstd 3, text': () => freeBytes(compress(text!.bytes, 3)),
  'unzstd, text': () => freeBytes(zstdDecompressSync(packedText, { chunkSize: size })),
  'chunker, SIMD': () => program.find(noise!.offset + 64, noise!.offset + size, 2 ** 31 - 1, noise!.offset + 64),
  'zero test': () => program.isZero(zeros!.offset, size),
  'copy to shared memory': () => noise!.bytes.set(target),
  'copy between own memory': () => target.set(cipherText),
};

console.log(`text compresses to ${((100 * packedText.length) / size).toFixed(0)} % at level 1`);
for (const [name, run] of Object.entries(work)) {
  const rates: number[] = [];
  for (let round = 0; round <= Number(values.rounds); round++) {
    const start = performance.now();
    for (let i = 0; i < perRound; i++) run();
    if (round > 0) rates.push((perRound * size) / 1e6 / (performance.now() - start));
  }
  const median = rates.toSorted((a, b) => a - b)[rates.length >> 1]!;
  console.log(`${name.padEnd(24)} ${median.toFixed(2).padStart(6)} GB/s`);
}
