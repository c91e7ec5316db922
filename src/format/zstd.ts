// Zstandard frames to content (RFC 8878): into new memory, bounded, or without a copy into memory that is there.

import { constants, createZstdDecompress, type ZstdOptions, zstdDecompressSync } from 'node:zlib';
import { concatBytes } from '../base/bytes.ts';
import { maxChunkSize } from '../model/names.ts';

/**
 * Decompresses one or more frames into at most `maxSize` bytes; nothing may be left over. Throws a RangeError when they
 * hold more, else an Error that tells what is wrong with them.
 */
export function decompress(packed: Uint8Array, maxSize: number, sizeHint?: number): Uint8Array {
  const frames: Uint8Array[] = [];
  let total = 0;
  let at = 0;
  do {
    const first = sizeHint ?? Math.max(64 * 1024, packed.byteLength * 4);
    const options: ZstdOptions & { info: true } = {
      info: true,
      // One byte more than the content has: a full buffer makes Node allocate the next before it sees the end.
      chunkSize: Math.max(64, Math.min(first, maxSize, maxChunkSize) + 1),
      // Node refuses 0 here.
      maxOutputLength: Math.max(1, maxSize - total),
    };
    const { buffer, engine } = zstdDecompressSync(packed.subarray(at), options);
    frames.push(buffer);
    total += buffer.byteLength;
    if (total > maxSize) throw new RangeError(`more than ${maxSize} bytes`);
    if (engine.bytesWritten === 0) throw new Error('no frame');
    at += engine.bytesWritten;
  } while (at < packed.byteLength);
  return frames.length === 1 ? frames[0]! : concatBytes(frames);
}

/** The native side of Node's streams of this kind, which decompresses where it is told to. */
interface NativeDecompressor {
  onerror: () => void;
  writeSync(
    flush: number,
    from: Uint8Array,
    fromAt: number,
    fromLength: number,
    to: Uint8Array,
    at: number,
    room: number,
  ): void;
  reset(): void;
}

interface Decompressor {
  readonly native: NativeDecompressor;
  /** Bytes of room and of input that the last call left over. */
  readonly left: Uint32Array;
}

let decompressor: Decompressor | 'none' | undefined;
let failed = false;

/**
 * Decompresses one frame into `target`, which it has to fill; the two do not overlap. False when it does not, for
 * whatever reason, or in a Node that cannot do this: `decompress` then tells, and what is in `target` means nothing.
 */
export function decompressInto(target: Uint8Array, packed: Uint8Array): boolean {
  decompressor ??= openDecompressor();
  if (decompressor === 'none' || packed.byteLength === 0) return false;
  const { native, left } = decompressor;
  failed = false;
  native.writeSync(constants.ZSTD_e_end, packed, 0, packed.byteLength, target, 0, target.byteLength);
  if (!failed && left[0] === 0 && left[1] === 0) return true;
  native.reset();
  return false;
}

/** Node gives synchronous decompression only into buffers of its own, which then have to be copied. */
function openDecompressor(): Decompressor | 'none' {
  const stream = createZstdDecompress();
  const native: unknown = Reflect.get(stream, '_handle');
  const left: unknown = Reflect.get(stream, '_writeState');
  if (!isNative(native) || !(left instanceof Uint32Array)) return 'none';
  native.onerror = () => {
    failed = true;
  };
  return { native, left };
}

function isNative(value: unknown): value is NativeDecompressor {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['writeSync', 'reset'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}
