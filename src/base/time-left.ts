// How long the rest of a piece of work will take, as logs tell it.

import { formatSpan } from './human.ts';

/** Seconds of work that make an estimate of the rest worth something. */
const estimateAfter = 10;

/**
 * `, about 5m left`, from the share of the work (0 to 1) that was done since this was called; nothing while that is too
 * little to tell. `now` gives milliseconds.
 */
export function timeLeft(now: () => number = () => performance.now()): (share: number) => string {
  const start = now();
  return (share) => {
    const seconds = (now() - start) / 1000;
    if (seconds < estimateAfter || share <= 0 || share >= 1) return '';
    const left = (seconds * (1 - share)) / share;
    return `, about ${formatSpan(left < 60 ? Math.ceil(left) : 60 * Math.ceil(left / 60))} left`;
  };
}
