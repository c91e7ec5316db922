// Tries everything that a datastore needs of a bucket, with an object that nobody else has.

import { randomUUID } from 'node:crypto';
import { bytesEqual } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import type { CallOptions, ObjectStore } from './contract.ts';

/** Writes, reads, lists and removes an object below `prefix`. Throws what the first of them throws. */
export async function probeObjects(objects: ObjectStore, prefix?: string, o: CallOptions = {}): Promise<void> {
  const key = `${prefix === undefined ? '' : `${prefix}/`}.probe-${randomUUID()}`;
  const content = new TextEncoder().encode(key);
  const wrong = (text: string): GranaryError => new GranaryError('io', `${objects.label}: ${text} '${key}'`);
  await objects.put(key, content, { ...o, ifAbsent: true });
  const read = await objects.get(key, o);
  if (!read || !bytesEqual(read.bytes, content)) throw wrong('does not give back what was stored as');
  const listed: string[] = [];
  for await (const info of objects.list(key, o)) listed.push(info.key);
  if (!listed.includes(key)) throw wrong('does not list');
  await objects.delete([key], o);
  if (await objects.head(key, o)) throw wrong('did not remove');
}
