// System accounts by name, from /etc/passwd: those that a service runs as are always there.

import { readFileSync } from 'node:fs';
import type { FileOwner } from './inherit-owner.ts';

/** User and group id of an account; undefined when the machine does not have it. */
export function systemAccount(name: string): FileOwner | undefined {
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return undefined;
  }
  for (const line of text.split('\n')) {
    const [account, , uid, gid] = line.split(':');
    if (account === name && uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
