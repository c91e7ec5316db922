// What somebody has chosen for this browser: language and colours.

import { useSyncExternalStore } from 'react';

export type Language = 'en' | 'de';
/** `auto` follows the system. */
export type Colours = 'auto' | 'light' | 'dark';
export type Contrast = 'auto' | 'high';

export interface Settings {
  language: Language;
  colours: Colours;
  contrast: Contrast;
}

const place = 'granary-settings';
/** What the server has named for those who have chosen nothing. */
const suggestedPlace = 'granary-language';
const languages: readonly string[] = ['en', 'de'] satisfies Language[];
const listeners = new Set<() => void>();
/** What the system asks for; forced colours ask for it too, and bring their own. */
const moreContrast = matchMedia('(prefers-contrast: more)');
moreContrast.addEventListener('change', apply);
let current: Settings = {
  language: suggestedLanguage() ?? (navigator.language.startsWith('de') ? 'de' : 'en'),
  colours: 'auto',
  contrast: 'auto',
  ...read(),
};
apply();

function read(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(place) ?? '{}') as Partial<Settings>;
  } catch {
    return {};
  }
}

function suggestedLanguage(): Language | undefined {
  const text = localStorage.getItem(suggestedPlace);
  return isLanguage(text) ? text : undefined;
}

function isLanguage(text: string | null | undefined): text is Language {
  return text !== undefined && text !== null && languages.includes(text);
}

/** The server's language, for those who have chosen none; undefined when it names none, or one that is not there. */
export function suggestLanguage(language: string | undefined): void {
  if (isLanguage(language)) localStorage.setItem(suggestedPlace, language);
  else localStorage.removeItem(suggestedPlace);
  if (!isLanguage(language) || read().language !== undefined || language === current.language) return;
  current = { ...current, language };
  apply();
  for (const listener of listeners) listener();
}

function apply(): void {
  const { dataset, lang } = document.documentElement;
  dataset['colours'] = current.colours;
  dataset['contrast'] = current.contrast === 'auto' && moreContrast.matches ? 'high' : current.contrast;
  if (lang !== current.language) document.documentElement.lang = current.language;
}

export function changeSettings(change: Partial<Settings>): void {
  current = { ...current, ...change };
  localStorage.setItem(place, JSON.stringify(current));
  apply();
  for (const listener of listeners) listener();
}

export const currentSettings = (): Settings => current;

/** The settings, followed. */
export function useSettings(): Settings {
  return useSyncExternalStore(subscribe, currentSettings);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
