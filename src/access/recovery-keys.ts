// Recovery keys: ten keys, good once each, for whoever has lost the other factors (access-control.md 9). Only their
// HMACs are kept.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RecoveryKeys } from '../config/tfa-config.ts';

const count = 10;

/** New keys, to be shown once, and what is stored of them. `now` in epoch seconds. */
export function generateRecoveryKeys(now: number): { keys: string[]; stored: RecoveryKeys } {
  const secret = randomBytes(8).toString('hex');
  const keys = Array.from({ length: count }, () =>
    randomBytes(8)
      .toString('hex')
      .replace(/.{4}(?=.)/g, '$&-'),
  );
  return { keys, stored: { secret, entries: keys.map((key) => mac(secret, key)), created: now } };
}

/** Numbers of the keys that were not used yet. */
export function availableRecoveryKeys(stored: RecoveryKeys): number[] {
  return stored.entries.flatMap((entry, i) => (entry === null ? [] : [i]));
}

/** The number of the key if it is one that was not used yet; it takes the same time whichever it is. */
export function findRecoveryKey(stored: RecoveryKeys, key: string): number | undefined {
  const given = Buffer.from(mac(stored.secret, key.trim().toLowerCase()));
  let found: number | undefined;
  for (const [i, entry] of stored.entries.entries()) {
    const wanted = Buffer.from(entry ?? '');
    if (wanted.byteLength === given.byteLength && timingSafeEqual(wanted, given)) found = i;
  }
  return found;
}

/** Hex of the HMAC-SHA256 whose key is the characters of the hex secret. */
function mac(secret: string, key: string): string {
  return createHmac('sha256', secret).update(key).digest('hex');
}
