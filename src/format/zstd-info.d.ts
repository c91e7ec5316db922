// What Node's own declarations lack: zstd with `info` answers how much of the input was one frame, as zlib does.

import type { InputType, ZstdOptions } from 'node:zlib';

declare module 'zlib' {
  interface ZstdInfo {
    buffer: Buffer<ArrayBuffer>;
    /** `bytesWritten`: how many bytes of the input were consumed. */
    engine: { bytesWritten: number };
  }

  function zstdDecompressSync(buffer: InputType, options: ZstdOptions & { info: true }): ZstdInfo;
}
