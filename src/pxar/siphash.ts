// SipHash-2-4 with pxar's key (pxar.md 5): item types from labels, name hashes in goodbye tables.
// 64-bit words are two 32-bit halves, because a million names are hashed and BigInt would dominate.

/** The two halves of the last `siphash` result; read them before the next call. */
export const hash = { hi: 0, lo: 0 };

/** Hashes `length` bytes of `bytes` from `start` into `hash`. */
export function siphash(bytes: Uint8Array, start = 0, length = bytes.byteLength - start): void {
  // v0..v3 = key words xor the four constants of SipHash
  let h0 = 0x83ac3f1c ^ 0x736f6d65;
  let l0 = 0xfbb450db ^ 0x70736575;
  let h1 = 0xaa4f1b68 ^ 0x646f7261;
  let l1 = 0x79369fbd ^ 0x6e646f6d;
  let h2 = 0x83ac3f1c ^ 0x6c796765;
  let l2 = 0xfbb450db ^ 0x6e657261;
  let h3 = 0xaa4f1b68 ^ 0x74656462;
  let l3 = 0x79369fbd ^ 0x79746573;
  const whole = start + (length & ~7);
  const end = start + length;
  let at = start;
  // One pass a word, one for the padded last word with the length, one for finalisation.
  for (let phase = 0; phase < 2; ) {
    let ml = 0;
    let mh = 0;
    let rounds = 2;
    if (at < whole) {
      ml = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      mh = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      at += 8;
    } else if (at <= end) {
      mh = length << 24;
      for (let shift = 0; at < end; at++, shift += 8) {
        if (shift < 32) ml |= bytes[at]! << shift;
        else mh |= bytes[at]! << (shift - 32);
      }
      at = end + 1;
    } else {
      l2 ^= 0xff;
      rounds = 4;
      phase = 2;
    }
    h3 ^= mh;
    l3 ^= ml;
    for (let i = 0; i < rounds; i++) {
      // v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32)
      let lo = (l0 >>> 0) + (l1 >>> 0);
      let hi = (h0 + h1 + (lo > 0xffffffff ? 1 : 0)) | 0;
      lo |= 0;
      let t = (h1 << 13) | (l1 >>> 19);
      l1 = ((l1 << 13) | (h1 >>> 19)) ^ lo;
      h1 = t ^ hi;
      h0 = lo;
      l0 = hi;
      // v2 += v3; v3 = rotl(v3, 16) ^ v2
      lo = (l2 >>> 0) + (l3 >>> 0);
      h2 = (h2 + h3 + (lo > 0xffffffff ? 1 : 0)) | 0;
      l2 = lo | 0;
      t = (h3 << 16) | (l3 >>> 16);
      l3 = ((l3 << 16) | (h3 >>> 16)) ^ l2;
      h3 = t ^ h2;
      // v0 += v3; v3 = rotl(v3, 21) ^ v0
      lo = (l0 >>> 0) + (l3 >>> 0);
      h0 = (h0 + h3 + (lo > 0xffffffff ? 1 : 0)) | 0;
      l0 = lo | 0;
      t = (h3 << 21) | (l3 >>> 11);
      l3 = ((l3 << 21) | (h3 >>> 11)) ^ l0;
      h3 = t ^ h0;
      // v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32)
      lo = (l2 >>> 0) + (l1 >>> 0);
      hi = (h2 + h1 + (lo > 0xffffffff ? 1 : 0)) | 0;
      lo |= 0;
      t = (h1 << 17) | (l1 >>> 15);
      l1 = ((l1 << 17) | (h1 >>> 15)) ^ lo;
      h1 = t ^ hi;
      h2 = lo;
      l2 = hi;
    }
    h0 ^= mh;
    l0 ^= ml;
  }
  hash.hi = (h0 ^ h1 ^ h2 ^ h3) >>> 0;
  hash.lo = (l0 ^ l1 ^ l2 ^ l3) >>> 0;
}
