// scrypt (RFC 7914), which browsers do not have: their PBKDF2 around the memory-hard part. Gives the page time to
// breathe in between.

/** Rounds of the outer loops between two pauses. */
const roundsAtOnce = 4096;

/** Derives `length` bytes. Takes 128 * n * r bytes of memory; bounds are the caller's to check. */
export async function scrypt(
  passphrase: Uint8Array<ArrayBuffer>,
  salt: Uint8Array<ArrayBuffer>,
  { n, r, p }: { n: number; r: number; p: number },
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const blocks = await pbkdf2(passphrase, salt, 1, p * 128 * r);
  const table = new Int32Array(32 * r * n);
  for (let i = 0; i < p; i++) await mix(new Int32Array(blocks.buffer, i * 128 * r, 32 * r), table, n, r);
  return await pbkdf2(passphrase, blocks, 1, length);
}

/** PBKDF2 with HMAC-SHA-256. */
export async function pbkdf2(
  passphrase: Uint8Array<ArrayBuffer>,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', passphrase, 'PBKDF2', false, ['deriveBits']);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, key, length * 8),
  );
}

/** scryptROMix over one block of 32 * r words, in place. Words are little-endian, as on every machine with a browser. */
async function mix(block: Int32Array<ArrayBuffer>, table: Int32Array, n: number, r: number): Promise<void> {
  const words = 32 * r;
  let [here, there] = [block, new Int32Array(words)];
  const swap = (): void => {
    [here, there] = [there, here];
  };
  for (let i = 0; i < n; i++) {
    table.set(here, i * words);
    mixBlock(here, there, r);
    swap();
    if (i % roundsAtOnce === roundsAtOnce - 1) await pause();
  }
  for (let i = 0; i < n; i++) {
    const from = (here[words - 16]! & (n - 1)) * words;
    for (let k = 0; k < words; k++) here[k]! ^= table[from + k]!;
    mixBlock(here, there, r);
    swap();
    if (i % roundsAtOnce === roundsAtOnce - 1) await pause();
  }
  if (here !== block) block.set(here);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

const state = new Int32Array(16);

/** scryptBlockMix: even results go to the first half, odd ones to the second. */
function mixBlock(from: Int32Array, to: Int32Array, r: number): void {
  const last = (2 * r - 1) * 16;
  for (let k = 0; k < 16; k++) state[k] = from[last + k]!;
  for (let i = 0; i < 2 * r; i++) {
    for (let k = 0; k < 16; k++) state[k]! ^= from[i * 16 + k]!;
    salsa8(state);
    const at = ((i >> 1) + (i & 1 ? r : 0)) * 16;
    for (let k = 0; k < 16; k++) to[at + k] = state[k]!;
  }
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Salsa20/8, in place. Sixteen variables, because a browser keeps those in registers. */
function salsa8(words: Int32Array): void {
  let x0 = words[0]!;
  let x1 = words[1]!;
  let x2 = words[2]!;
  let x3 = words[3]!;
  let x4 = words[4]!;
  let x5 = words[5]!;
  let x6 = words[6]!;
  let x7 = words[7]!;
  let x8 = words[8]!;
  let x9 = words[9]!;
  let x10 = words[10]!;
  let x11 = words[11]!;
  let x12 = words[12]!;
  let x13 = words[13]!;
  let x14 = words[14]!;
  let x15 = words[15]!;
  for (let round = 0; round < 4; round++) {
    x4 ^= rotate(x0 + x12, 7);
    x8 ^= rotate(x4 + x0, 9);
    x12 ^= rotate(x8 + x4, 13);
    x0 ^= rotate(x12 + x8, 18);
    x9 ^= rotate(x5 + x1, 7);
    x13 ^= rotate(x9 + x5, 9);
    x1 ^= rotate(x13 + x9, 13);
    x5 ^= rotate(x1 + x13, 18);
    x14 ^= rotate(x10 + x6, 7);
    x2 ^= rotate(x14 + x10, 9);
    x6 ^= rotate(x2 + x14, 13);
    x10 ^= rotate(x6 + x2, 18);
    x3 ^= rotate(x15 + x11, 7);
    x7 ^= rotate(x3 + x15, 9);
    x11 ^= rotate(x7 + x3, 13);
    x15 ^= rotate(x11 + x7, 18);
    x1 ^= rotate(x0 + x3, 7);
    x2 ^= rotate(x1 + x0, 9);
    x3 ^= rotate(x2 + x1, 13);
    x0 ^= rotate(x3 + x2, 18);
    x6 ^= rotate(x5 + x4, 7);
    x7 ^= rotate(x6 + x5, 9);
    x4 ^= rotate(x7 + x6, 13);
    x5 ^= rotate(x4 + x7, 18);
    x11 ^= rotate(x10 + x9, 7);
    x8 ^= rotate(x11 + x10, 9);
    x9 ^= rotate(x8 + x11, 13);
    x10 ^= rotate(x9 + x8, 18);
    x12 ^= rotate(x15 + x14, 7);
    x13 ^= rotate(x12 + x15, 9);
    x14 ^= rotate(x13 + x12, 13);
    x15 ^= rotate(x14 + x13, 18);
  }
  words[0]! += x0;
  words[1]! += x1;
  words[2]! += x2;
  words[3]! += x3;
  words[4]! += x4;
  words[5]! += x5;
  words[6]! += x6;
  words[7]! += x7;
  words[8]! += x8;
  words[9]! += x9;
  words[10]! += x10;
  words[11]! += x11;
  words[12]! += x12;
  words[13]! += x13;
  words[14]! += x14;
  words[15]! += x15;
}
