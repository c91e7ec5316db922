// Checking passwords and secrets against their hashes: off the main thread, few at a time, and in the same time
// whether there is a hash to check or not.

import { hashPassword, hashPasswordAsync, verifyPasswordAsync } from '../os/password-hash.ts';

/** The threads that hash are those that read and write files: a flood of logins must leave some. */
const atOnce = 2;
let active = 0;
const waiting: (() => void)[] = [];

let decoy: string | undefined;

/** Whether `hash` was made from `password`; without a hash false, after the same work. */
export async function verifySecret(password: string, hash: string | undefined): Promise<boolean> {
  decoy ??= hashPassword('no such account');
  const against = hash ?? decoy;
  const matches = await limited(() => verifyPasswordAsync(password, against));
  return matches && hash !== undefined;
}

/** A yescrypt hash with a fresh salt. */
export async function hashSecret(password: string): Promise<string> {
  return limited(() => hashPasswordAsync(password));
}

async function limited<R>(fn: () => Promise<R>): Promise<R> {
  while (active >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  active++;
  try {
    return await fn();
  } finally {
    active--;
    waiting.shift()?.();
  }
}
