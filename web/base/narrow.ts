// Whether the screen is a narrow one, followed.

import { useSyncExternalStore } from 'react';

const narrowScreen = matchMedia('(max-width: 700px)');

export function useNarrow(): boolean {
  return useSyncExternalStore(followScreen, () => narrowScreen.matches);
}

function followScreen(changed: () => void): () => void {
  narrowScreen.addEventListener('change', changed);
  return () => narrowScreen.removeEventListener('change', changed);
}
