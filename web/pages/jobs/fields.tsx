// Fields that the forms of several kinds of jobs have: where a job works, when it runs, what it keeps.

import type { ReactNode } from 'react';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { useCall } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import { ChoiceInput } from '../../parts/choice-input.tsx';
import type { CustomField, FieldHints } from '../../parts/contract-form.tsx';
import { askedChoices, type Choice } from '../../parts/field.tsx';
import { NamespaceInput, useDepths } from '../../parts/namespace-fields.tsx';
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

/** The names of datastores. */
export const storeChoices = (stores: readonly { store: string }[]): Choice[] =>
  stores.map(({ store }) => ({ id: store, label: store }));

/** One of the datastores of this server. */
export function StoreInput({ field }: { field: CustomField }): ReactNode {
  const stores = useCall(listDatastores, {}, { every: 60_000 });
  return <ChoiceInput field={field} choices={askedChoices(stores, storeChoices)} />;
}
