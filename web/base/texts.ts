// Texts in every language. A room keeps its own in `texts.ts`: `texts({en: {...}, de: {...}})`; English is complete by
// definition, the compiler asks the same of every other language.

import { type Language, useSettings } from './settings.ts';

/** A text, one made of values, or texts by name: of the kinds of something. */
type Text = string | ((...values: never[]) => string) | { readonly [name: string]: Text };
export type Texts<T> = Record<Language, T>;

/** Declares the texts of a room. */
export function texts<T extends Record<string, Text>>(all: { en: T } & Record<Exclude<Language, 'en'>, NoInfer<T>>) {
  return all satisfies Texts<T>;
}

/** The texts in the language of the user. */
export function useTexts<T>(all: Texts<T>): T {
  return all[useSettings().language];
}

/** `one` or `many`, with the number in front: for languages with two forms. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString(document.documentElement.lang)} ${count === 1 ? one : many}`;
}
