// Where in a datastore: a namespace, and how many levels of those below it.

import type { ReactNode } from 'react';
import { listNamespaces } from '../../src/api/admin/datastore/namespace.contract.ts';
import { type Live, useCall } from '../base/live.ts';
import { texts, useTexts } from '../base/texts.ts';
import { ChoiceInput } from './choice-input.tsx';
import type { CustomField } from './contract-form.tsx';
import { askedChoices, type Choice, type Choices } from './field.tsx';

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
  const list = useCall(listNamespaces, { store }, { every: 60_000, enabled: store !== '' });
  return <ChoiceInput field={field} choices={useNamespaceChoices(store === '' ? undefined : list)} />;
}

/** Namespaces to choose from, the root among them; of no datastore there is only that. */
export function useNamespaceChoices(
  list: Pick<Live<readonly { ns: string }[]>, 'data' | 'error' | 'refresh'> | undefined,
): Choices {
  const t = useTexts(words);
  const root = { id: '', label: t.root };
  if (list === undefined) return [root];
  return askedChoices(list, (all) => [
    root,
    ...all.filter(({ ns }) => ns !== '').map(({ ns }) => ({ id: ns, label: ns })),
  ]);
}
