// Makes the benchmarks' data, the same bytes on every machine: a mixed tree and a disk image.
// Usage: node bench/data.ts DIR [--tree-mib 2100] [--image-mib 2048]

import { createCipheriv } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const MiB = 1024 * 1024;

/** xorshift32: small, fast, reproducible. */
function random(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
}

/** Keystream bytes: incompressible and quick to make. */
function incompressible(length: number, seed: number): Buffer {
  const key = Buffer.alloc(32);
  key.writeUInt32LE(seed);
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

const words = (() => {
  const next = random(4711);
  const letters = 'etaoinshrdlucmfwypvbgkjqxz';
  return Array.from({ length: 4096 }, () =>
    Array.from({ length: 2 + (next() % 9) }, () => letters[Math.min(next() % 26, next() % 26)]).join(''),
  );
})();

/** Words of a skewed distribution with line breaks: compresses like prose and source code, about 3 to 1. */
function text(length: number, seed: number): Buffer {
  const next = random(seed);
  const out = Buffer.alloc(length + 32);
  let at = 0;
  let column = 0;
  while (at < length) {
    const r = next();
    const word = words[((r & 0xfff) * ((r >>> 12) & 0xfff)) >>> 12]!;
    at += out.write(word, at, 'latin1');
    column += word.length + 1;
    out[at++] = column > 76 ? 10 : 32;
    if (column > 76) column = 0;
  }
  return out.subarray(0, length);
}

/** Records with counters, small numbers, shared runs and some noise: compresses like programs and databases, about 2 to 1. */
function binary(length: number, seed: number): Buffer {
  const next = random(seed);
  const noise = incompressible(length, seed ^ 0x5bd1e995);
  for (let at = 0; at + 64 <= length; at += 64) {
    noise.writeUInt32LE(at, at);
    noise.writeUInt32LE(next() & 0xff, at + 4);
    noise.writeBigUInt64LE(0x0000_7f00_0000_0000n + BigInt(next() & 0xffff), at + 8);
    noise.fill(next() & 1 ? 0 : 0xff, at + 16, at + 32 + (next() & 15));
  }
  return noise;
}

function writeOnce(path: string, make: () => Buffer): void {
  if (!existsSync(path)) writeFileSync(path, make());
}

/** Some 15,000 files per 2 GiB: text, binaries, incompressible and duplicate content, sizes from 200 bytes to 64 MiB. */
export function makeTree(dir: string, totalMiB: number): void {
  const next = random(20260211);
  let left = totalMiB * MiB;
  const made: string[] = [];
  for (let i = 0; left > 0; i++) {
    const folder = join(dir, `area-${i % 7}`, `set-${Math.floor(i / 60) % 60}`);
    mkdirSync(folder, { recursive: true });
    const roll = next() % 1000;
    const exponent = roll < 4 ? 22 + (next() % 4) : roll < 45 ? 18 + (next() % 4) : 9 + (next() % 8);
    const size = Math.min(left, 2 ** exponent + (next() % 2 ** exponent));
    const kind = next() % 100;
    const seed = i + 1;
    if (kind < 15 && made.length > 0) {
      const original = readFileSync(made[next() % made.length]!);
      writeOnce(join(folder, `copy-${i}.dat`), () => original);
      left -= original.byteLength;
      continue;
    }
    const [name, make] =
      kind < 50
        ? [`text-${i}.txt`, text]
        : kind < 75
          ? [`program-${i}.bin`, binary]
          : [`media-${i}.raw`, incompressible];
    const path = join(folder, name as string);
    writeOnce(path, () => (make as (n: number, s: number) => Buffer)(size, seed));
    made.push(path);
    left -= size;
  }
}

/** A disk image: blocks of text, binaries, noise and zeros, 1 MiB each. */
export function makeImage(path: string, totalMiB: number): void {
  if (existsSync(path)) return;
  const next = random(77);
  const fd = openSync(path, 'w');
  for (let i = 0; i < totalMiB; i++) {
    const kind = next() % 100;
    const block =
      kind < 30
        ? Buffer.alloc(MiB)
        : kind < 55
          ? text(MiB, i + 1)
          : kind < 80
            ? binary(MiB, i + 1)
            : incompressible(MiB, i + 1);
    writeSync(fd, block);
  }
  closeSync(fd);
}

/** Only keystream, in files of 32 MiB. */
export function makeIncompressible(dir: string, totalMiB: number): void {
  mkdirSync(dir, { recursive: true });
  for (let i = 0; i * 32 < totalMiB; i++)
    writeOnce(join(dir, `noise-${i}.raw`), () => incompressible(32 * MiB, 90_000 + i));
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      'tree-mib': { type: 'string', default: '2100' },
      'image-mib': { type: 'string', default: '2048' },
      'noise-mib': { type: 'string', default: '1024' },
    },
  });
  const dir = positionals[0];
  if (!dir) throw new Error('usage: bench/data.ts DIR [--tree-mib N] [--image-mib N] [--noise-mib N]');
  mkdirSync(dir, { recursive: true });
  makeTree(join(dir, 'tree'), Number(values['tree-mib']));
  makeImage(join(dir, 'disk.img'), Number(values['image-mib']));
  makeIncompressible(join(dir, 'noise'), Number(values['noise-mib']));
}
