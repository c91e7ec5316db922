// Which of two encoded chunks of one digest stays: the table of formats.md 14.1, as a pure function.

import { GranaryError } from '../base/errors.ts';

export interface BlobTraits {
  encrypted: boolean;
  compressed: boolean;
}

/** An encoded chunk as far as it decides: its whole length and its kind. */
export interface IncomingChunk extends BlobTraits {
  size: number;
}

/** What there is under the digest's name already. */
export interface ExistingChunk {
  size: number;
  /** Undefined when it does not start like a blob. */
  traits: BlobTraits | undefined;
}

/**
 * `write`: the incoming chunk becomes the stored one, counted as new; `keep`: the stored one stays and is touched.
 * Throws `bad-request` for combinations that honest clients cannot produce. `digest` in hex and `store` are for the text.
 *
 * Two rows are added to the table. What does not start like a blob is overwritten, as an empty file is. And
 * an existing encrypted chunk gives way to an incoming plain one: the plain one was verified against the
 * digest, the encrypted one cannot have been, and both having this digest honestly is impossible; whoever
 * put it there must not be able to spoil other people's backups.
 */
export function decideInsert(
  incoming: IncomingChunk,
  existing: ExistingChunk | undefined,
  digest: string,
  store: string,
): 'write' | 'keep' {
  const traits = existing?.traits;
  if (!existing || existing.size === 0 || !traits) return 'write';
  if (!incoming.encrypted) return !traits.encrypted && existing.size <= incoming.size ? 'keep' : 'write';
  if (existing.size === incoming.size) return 'keep';
  if (!traits.encrypted) {
    throw new GranaryError(
      'bad-request',
      `Overwriting unencrypted chunk '${digest}' on store '${store}' with encrypted chunk with same digest not allowed!`,
    );
  }
  if (!incoming.compressed && !traits.compressed) {
    throw new GranaryError(
      'bad-request',
      `Overwriting existing (encrypted) chunk '${digest}' on store '${store}' is not allowed!`,
    );
  }
  return 'keep';
}
