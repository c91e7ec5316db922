// The chunker against its measures, on one core and in one run: a plain loop in TypeScript over each byte, and
// SHA-256 (the digest that every chunk needs anyway). Acceptance: 2.5 times the loop, 2 times SHA-256.
// Usage: sh scripts/node.sh bench/chunker.ts [--mib 256] [--rounds 5]

import { createCipheriv, hash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SharedArena } from '../src/base/shared-arena.ts';
import { StreamCutter } from '../src/chunker/boundaries.ts';
import { BuzhashChunker } from '../src/chunker/buzhash.ts';
import { ScannerProgram, SimdScanner, scannerReserved } from '../src/chunker/simd-scanner.ts';

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '256' }, rounds: { type: 'string', default: '5' } },
});
const size = Number(values.mib) * 1024 * 1024;
const average = 4 * 1024 * 1024;
const arena = new SharedArena(size, scannerReserved);
const room = arena.tryAcquire(size)!;
const data = room.bytes.subarray(0, size);
const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16));
const block = Buffer.alloc(1024 * 1024);
for (let at = 0; at < size; at += block.length) data.set(cipher.update(block), at);
const program = new ScannerProgram(arena.memory);

function simd(): number[] {
  const scanner = new SimdScanner(program, average);
  scanner.address = room.offset;
  const cutter = new StreamCutter(scanner);
  const ends: number[] = [];
  for (let known = 0; known < size; ) {
    known = Math.min(size, known + 4 * 1024 * 1024);
    while (cutter.next(known - cutter.base)) ends.push(cutter.base);
  }
  return ends;
}

function loop(): number[] {
  const chunker = new BuzhashChunker(average);
  const ends: number[] = [];
  let at = 0;
  for (let cut = chunker.scan(data); cut > 0; cut = chunker.scan(data.subarray(at))) {
    at += cut;
    ends.push(at);
  }
  return ends;
}

function sha256(): number[] {
  for (let at = 0; at < size; at += average) hash('sha256', data.subarray(at, at + average), 'buffer');
  return [];
}

function median(list: number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1]!;
}

const work = { simd, loop, sha256 };
const seconds: Record<keyof typeof work, number[]> = { simd: [], loop: [], sha256: [] };
let cuts = '';
for (let round = 0; round <= Number(values.rounds); round++) {
  for (const name of ['simd', 'loop', 'sha256'] as const) {
    const start = performance.now();
    const ends = work[name]();
    if (round > 0) seconds[name].push((performance.now() - start) / 1000);
    if (name === 'simd') cuts = ends.join(' ');
    if (name === 'loop' && ends.join(' ') !== cuts) throw new Error('the two chunkers cut differently');
  }
}
const rate = (name: keyof typeof work): number => size / 1e9 / median(seconds[name]);
for (const name of ['simd', 'loop', 'sha256'] as const) console.log(`${name.padEnd(7)} ${rate(name).toFixed(2)} GB/s`);
console.log(`simd / loop   ${(rate('simd') / rate('loop')).toFixed(2)} (at least 2.5)`);
console.log(`simd / sha256 ${(rate('simd') / rate('sha256')).toFixed(2)} (at least 2)`);
