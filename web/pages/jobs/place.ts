// Where a job works.

import type { Texts } from '../../base/texts.ts';
import type { Column } from '../../parts/data-table.tsx';
import type { words } from './texts.ts';

interface Place {
  store: string;
  ns?: string;
}

/** What permissions on the job are about. */
export function aclPathOf({ store, ns }: Place): string {
  return ns === undefined || ns === '' ? `/datastore/${store}` : `/datastore/${store}/${ns}`;
}

type T = (typeof words)[keyof Texts<unknown>];

/** The namespace, with the datastore before it where that is not the page's own. */
export function placeColumns<J extends Place>(t: Pick<T, 'store' | 'ns'>, store: string | undefined): Column<J>[] {
  const whole = ({ store: name, ns = '' }: J): string => (ns === '' ? name : `${name}/${ns}`);
  return store === undefined
    ? [{ id: 'store', header: t.store, value: whole, isExtra: true, width: 'minmax(6.5rem, 1fr)' }]
    : [{ id: 'ns', header: t.ns, value: (job) => job.ns ?? '', isExtra: true, width: 'minmax(6.5rem, 1fr)' }];
}
