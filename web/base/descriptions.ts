// What the contracts say about their parameters, in the user's language. The contracts say it in English; the German
// texts are loaded when they are needed.

import { useEffect, useSyncExternalStore } from 'react';
import { currentSettings, useSettings } from './settings.ts';

let german: Readonly<Record<string, string>> | undefined;
let isAsked = false;
const listeners = new Set<() => void>();

function load(): void {
  if (isAsked) return;
  isAsked = true;
  void import('./descriptions-de.ts').then(
    (module) => {
      german = module.german;
      for (const listener of listeners) listener();
    },
    // The next that needs it asks again; the texts are of help, not of need.
    () => {
      isAsked = false;
    },
  );
}

// Before the first form is drawn.
if (currentSettings().language === 'de') load();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Gives a schema's description in the user's language; nothing while that is being loaded. */
export function useDescriptions(): (english: string | undefined) => string | undefined {
  const { language } = useSettings();
  const known = useSyncExternalStore(subscribe, () => german);
  useEffect(() => {
    if (language === 'de') load();
  }, [language]);
  if (language === 'en') return (english) => english;
  return (english) => (english === undefined || known === undefined ? undefined : (known[english] ?? english));
}
