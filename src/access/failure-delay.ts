// Answers to failed authentication leave at a fixed time after the request came, so that guessing is slow and the
// time tells nothing (access-control.md 11, rest-api.md 3.3).

import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';

export type Sleep = (milliseconds: number) => Promise<void>;

export const authFailureDelayMs = 3000;

export const systemSleep: Sleep = (milliseconds) => setTimeout(milliseconds);

/** Resolves `authFailureDelayMs` after `startedAt` (milliseconds of `clock`), or at once when that is past. */
export async function delayFailure(clock: Clock, sleep: Sleep, startedAt: number): Promise<void> {
  const left = startedAt + authFailureDelayMs - clock.now();
  // A clock that was set back must not hold the answer for longer than the rule says.
  if (left > 0) await sleep(Math.min(left, authFailureDelayMs));
}
