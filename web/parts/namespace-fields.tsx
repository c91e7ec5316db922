// Where in a datastore: a namespace, and how many levels of those below it.

import type { ReactNode } from 'react';
import { listNamespaces } from '../../src/api/admin/datastore/namespace.contract.ts';
import { useCall } from '../base/live.ts';
import { texts, useTexts } from '../base/texts.ts';
import { ChoiceInput } from './choice-input.tsx';
import type { CustomField } from './contract-form.tsx';
import type { Choice } from './field.tsx';

const words = texts({
  en: {
    root: '(root)',
    allDepths: 'all',
    onlyThis: 'only this one',
    depths: (count: number) => (count === 1 ? 'one level' : `${count} levels`),
  },
  de: {
    root: '(Wurzel)',
    allDepths: 'alle',
    onlyThis: 'nur dieser',
    depths: (count) => (count === 1 ? 'eine Ebene' : `${count} Ebenen`),
  },
});

/** Values of `max-depth`; the empty one is all. */
export function useDepths(): Choice[] {
  const t = useTexts(words);
  return [
    { id: '', label: t.allDepths },
    { id: '0', label: t.onlyThis },
    ...[1, 2, 3, 4, 5, 6, 7].map((depth) => ({ id: String(depth), label: t.depths(depth) })),
  ];
}

export function NamespaceInput({ field, store }: { field: CustomField; store: string }): ReactNode {
  const { data, error } = useCall(listNamespaces, { store }, { every: 60_000, enabled: store !== '' });
  const choices = useNamespaceChoices(store === '' ? [] : data);
  return <ChoiceInput field={field} isFree={error !== undefined} choices={choices} />;
}

/** Namespaces to choose from, the root among them. */
export function useNamespaceChoices(namespaces: readonly { ns: string }[] | undefined): Choice[] | undefined {
  const t = useTexts(words);
  if (namespaces === undefined) return undefined;
  return [
    { id: '', label: t.root },
    ...namespaces.filter(({ ns }) => ns !== '').map(({ ns }) => ({ id: ns, label: ns })),
  ];
}
