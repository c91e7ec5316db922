// The one way in which this room complains about an archive.

import { GranaryError } from '../base/errors.ts';

/** `pxar-invalid`, naming the archive and the offset of the item in question. */
export function damaged(archive: string, offset: number, text: string): GranaryError {
  return new GranaryError('pxar-invalid', `${archive}: ${text}, at offset ${offset}`, { details: { archive, offset } });
}
