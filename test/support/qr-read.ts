// Reads a QR code back from its modules: version, level and mask, then the bytes of its segments.
// It takes the modules as undamaged, so that it needs no error correction. ISO/IEC 18004.

import assert from 'node:assert/strict';

/** Number of blocks and of data codewords in each, at level M, by version: [blocks, data][]. */
const blocksM: Record<number, [number, number][]> = {
  7: [[4, 31]],
  8: [
    [2, 38],
    [2, 39],
  ],
  9: [
    [3, 36],
    [2, 37],
  ],
  10: [
    [4, 43],
    [1, 44],
  ],
  11: [
    [1, 50],
    [4, 51],
  ],
  12: [
    [6, 36],
    [2, 37],
  ],
  13: [
    [8, 37],
    [1, 38],
  ],
  14: [
    [4, 40],
    [5, 41],
  ],
  15: [
    [5, 41],
    [5, 42],
  ],
  16: [
    [7, 45],
    [3, 46],
  ],
  17: [
    [10, 46],
    [1, 47],
  ],
  18: [
    [9, 43],
    [4, 44],
  ],
  19: [
    [3, 44],
    [11, 45],
  ],
  20: [
    [3, 41],
    [13, 42],
  ],
  21: [[17, 42]],
  22: [[17, 46]],
  23: [
    [4, 47],
    [14, 48],
  ],
  24: [
    [6, 45],
    [14, 46],
  ],
  25: [
    [8, 47],
    [13, 48],
  ],
  26: [
    [19, 46],
    [4, 47],
  ],
  27: [
    [22, 45],
    [3, 46],
  ],
  28: [
    [3, 45],
    [23, 46],
  ],
  29: [
    [21, 45],
    [7, 46],
  ],
  30: [
    [19, 47],
    [10, 48],
  ],
};

/** Text of a code in byte mode at level M, version 7 to 30; `modules[row][column]` is true where dark. */
export function readQr(modules: boolean[][]): { text: string; version: number } {
  const size = modules.length;
  const version = (size - 17) / 4;
  const at = (row: number, column: number): number => Number(modules[row]![column]!);
  const format = [0, 1, 2, 3, 4, 5, 7].map((column) => at(8, column));
  const formatBits = format.reduce((sum, bit) => sum * 2 + bit, 0);
  // The first five bits of the format, unmasked: two for the level (M is 00), three for the mask.
  const unmasked = (formatBits >> 2) ^ 0b10101;
  assert.equal(unmasked >> 3, 0b00, 'level M');
  const mask = masks[unmasked & 7]!;
  const reserved = functionModules(size, version);
  const bits: number[] = [];
  let upwards = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let i = 0; i < size; i++) {
      const row = upwards ? size - 1 - i : i;
      for (const column of [right, right - 1]) {
        if (!reserved[row]![column]) bits.push(at(row, column) ^ Number(mask(row, column)));
      }
    }
    upwards = !upwards;
  }
  const codewords = Array.from({ length: bits.length >> 3 }, (_, i) =>
    bits.slice(i * 8, i * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0),
  );
  return { text: decodeSegments(deinterleave(codewords, blocksM[version]!), version), version };
}

const masks: ((row: number, column: number) => boolean)[] = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (_, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

function functionModules(size: number, version: number): boolean[][] {
  const reserved = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const fill = (row: number, column: number, height: number, width: number): void => {
    for (let r = row; r < row + height; r++) reserved[r]!.fill(true, column, column + width);
  };
  fill(0, 0, 9, 9);
  fill(0, size - 8, 9, 8);
  fill(size - 8, 0, 8, 9);
  fill(6, 0, 1, size);
  fill(0, 6, size, 1);
  if (version >= 7) {
    fill(0, size - 11, 6, 3);
    fill(size - 11, 0, 3, 6);
  }
  const centers = alignmentCenters(size, version);
  const last = centers.at(-1)!;
  for (const row of centers) {
    for (const column of centers) {
      const corner = (row === 6 && (column === 6 || column === last)) || (row === last && column === 6);
      if (!corner) fill(row - 2, column - 2, 5, 5);
    }
  }
  return reserved;
}

function alignmentCenters(size: number, version: number): number[] {
  const count = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : Math.ceil((size - 13) / (2 * count - 2)) * 2;
  const centers: number[] = [6];
  for (let i = count - 2; i >= 0; i--) centers.push(size - 7 - i * step);
  return centers;
}

function deinterleave(codewords: number[], groups: [number, number][]): number[] {
  const lengths = groups.flatMap(([blocks, data]) => new Array<number>(blocks).fill(data));
  const blocks: number[][] = lengths.map(() => []);
  let at = 0;
  for (let i = 0; i < Math.max(...lengths); i++) {
    for (const [b, block] of blocks.entries()) if (i < lengths[b]!) block.push(codewords[at++]!);
  }
  return blocks.flat();
}

function decodeSegments(data: number[], version: number): string {
  const bits = data.flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((shift) => (byte >> shift) & 1));
  let at = 0;
  const take = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + bits[at++]!;
    return value;
  };
  assert.equal(take(4), 0b0100, 'byte mode');
  const length = take(version < 10 ? 8 : 16);
  const bytes = Buffer.from(Array.from({ length }, () => take(8)));
  assert.equal(take(Math.min(4, bits.length - at)), 0, 'one segment only');
  return bytes.toString();
}
