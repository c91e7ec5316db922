// Fields that the forms of several kinds of jobs have: where a job works, when it runs, what it keeps.

import type { ReactNode } from 'react';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { listNamespaces } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { useCall } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import { ChoiceInput } from '../../parts/choice-input.tsx';
import type { CustomField, FieldHints } from '../../parts/contract-form.tsx';
import type { Choice } from '../../parts/field.tsx';
import { ScheduleInput } from '../../parts/schedule-input.tsx';
import { words } from './texts.ts';

interface Options {
  /** The datastore of the page; without one it is chosen in the form. */
  store: string | undefined;
  /** A job that exists keeps its name. */
  isNew: boolean;
}

/** Name, datastore, namespace, depth and schedule, in their order. */
export function useJobFields({ store, isNew }: Options): Record<string, FieldHints> {
  const t = useTexts(words);
  return {
    ...(isNew ? { id: { label: t.id, help: t.idHelp } } : {}),
    ...(store === undefined
      ? { store: { label: t.store, help: '', input: (field) => <StoreInput field={field} /> } satisfies FieldHints }
      : {}),
    ns: {
      label: t.ns,
      help: '',
      input: (field) => <NamespaceInput field={field} store={store ?? String(field.values['store'] ?? '')} />,
    },
    'max-depth': { label: t.depth, help: '', choices: useDepths() },
    schedule: { label: t.schedule, help: '', input: (field) => <ScheduleInput {...field} /> },
  };
}

export function useDepths(): Choice[] {
  const t = useTexts(words);
  return [
    { id: '', label: t.allDepths },
    { id: '0', label: t.onlyThis },
    ...[1, 2, 3, 4, 5, 6, 7].map((depth) => ({ id: String(depth), label: t.depths(depth) })),
  ];
}

/** One of the datastores of this server. */
export function StoreInput({ field }: { field: CustomField }): ReactNode {
  const { data, error } = useCall(listDatastores, {}, { every: 60_000 });
  return (
    <ChoiceInput
      field={field}
      isFree={error !== undefined}
      choices={data?.map(({ store }) => ({ id: store, label: store }))}
    />
  );
}

function NamespaceInput({ field, store }: { field: CustomField; store: string }): ReactNode {
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
