// The present, for texts such as "5 minutes ago" that must not stand still while nothing else changes.

import { useCallback, useSyncExternalStore } from 'react';

/** Epoch seconds, a multiple of the step; whoever uses it is drawn again when the next one is reached. */
export function useNow(step: 1 | 60): number {
  return useSyncExternalStore(
    useCallback(
      (listener) => {
        // The listener looks whether it is another one; steps begin at another time than the timer.
        const timer = setInterval(listener, step * 250);
        return () => clearInterval(timer);
      },
      [step],
    ),
    () => Math.floor(Date.now() / 1000 / step) * step,
  );
}
