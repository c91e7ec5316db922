// How much a datastore's chunks have grown within a day: new chunks of the snapshots of that day, as their sessions
// counted them, against the chunks of the time before. What garbage collection frees meanwhile does not count: growth
// that is out of the ordinary, such as data that somebody has encrypted, is to be seen.

import type { Upload } from '../datastore/census.ts';
import type { GcStatus } from '../datastore/usage.ts';
import { parseUpid } from '../model/upid.ts';

const daySeconds = 86_400;

/**
 * The share by which the chunks grew in the 24 hours before `now` (epoch seconds): 0.1 is ten percent. Undefined while
 * nothing is known of the time before, as in a datastore that began within the day.
 */
export function chunkGrowth(
  uploads: readonly Upload[],
  gc: Pick<GcStatus, 'upid' | 'disk-bytes' | 'pending-bytes'>,
  now: number,
): number | undefined {
  const dayAgo = now - daySeconds;
  const collected = gc.upid === null ? undefined : parseUpid(gc.upid)?.startTime;
  let [within, sinceCollection, earlier] = [0, 0, 0];
  for (const { time, bytes } of uploads) {
    if (time > dayAgo) within += bytes;
    else earlier += bytes;
    if (collected !== undefined && time > collected) sinceCollection += bytes;
  }
  // The last collection counted the chunks; before the first one, what the snapshots brought has to do.
  const all = gc['disk-bytes'] + gc['pending-bytes'] + sinceCollection;
  const before = collected === undefined ? earlier : all - within;
  return before > 0 ? within / before : undefined;
}
