// How many snapshots stay, by kind of period: fields of every form that asks for it.

import { texts, useTexts } from '../base/texts.ts';
import type { FieldHints } from './contract-form.tsx';

const words = texts({
  en: { last: 'Last', hourly: 'Hourly', daily: 'Daily', weekly: 'Weekly', monthly: 'Monthly', yearly: 'Yearly' },
  de: {
    last: 'Letzte',
    hourly: 'Stündlich',
    daily: 'Täglich',
    weekly: 'Wöchentlich',
    monthly: 'Monatlich',
    yearly: 'Jährlich',
  },
});

const periods = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

export type KeepName = `keep-${(typeof periods)[number]}`;

/** The names of the keep options with what people call them, in the order in which they are applied. */
export function useKeepNames(): (readonly [KeepName, string])[] {
  const t = useTexts(words);
  return periods.map((period) => [`keep-${period}`, t[period]] as const);
}

/** Fields of the keep options, under a heading. */
export function useKeepFields(section: string): Record<string, FieldHints> {
  return Object.fromEntries(
    useKeepNames().map(([name, label], index) => [
      name,
      { label, help: '', isShort: true, ...(index === 0 ? { section } : {}) },
    ]),
  );
}
