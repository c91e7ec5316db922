// `pxar list`: one quoted path a line, from the archive root `/` (formats.md 10.5).

import { quotePath } from '../base/quote.ts';
import { decodePxar, type PxarReadOptions, type PxarSource } from './decoder.ts';

/** The line of an entry with this path below the root, which is empty for the root itself. */
export function formatListLine(path: Uint8Array): string {
  const absolute = new Uint8Array(path.byteLength + 1);
  absolute[0] = 0x2f;
  absolute.set(path, 1);
  return quotePath(absolute);
}

/** Lines without their end, in stored order; hard links are listed like everything else. */
export async function* listPxar(
  source: PxarSource,
  options: PxarReadOptions = {},
): AsyncGenerator<string, void, undefined> {
  for await (const event of decodePxar(source, options)) {
    if (event.kind === 'prelude' || event.kind === 'end-directory') continue;
    yield formatListLine(event.path);
  }
}
