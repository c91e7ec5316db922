// What stands around every page of one datastore: its name, a word on maintenance, and the tabs that lead to the others.

import type { ReactNode } from 'react';
import { listDatastores } from '../../src/api/admin/datastore/list.contract.ts';
import { useCall } from '../base/live.ts';
import { usePermissions } from '../base/permissions.ts';
import { texts, useTexts } from '../base/texts.ts';
import { ErrorText } from './field.tsx';
import { Page } from './page.tsx';
import { State } from './state.tsx';
import { Tabs } from './tabs.tsx';

const words = texts({
  en: {
    tabs: (store: string) => `Parts of datastore ${store}`,
    summary: 'Summary',
    content: 'Content',
    jobs: 'Jobs',
    options: 'Options',
    permissions: 'Permissions',
    maintenance: (mode: string) => `Maintenance: ${mode}`,
    notMounted: 'not mounted',
    unknown: (store: string) => `There is no datastore ${store} here, or you may not see it.`,
  },
  de: {
    tabs: (store) => `Teile des Datastores ${store}`,
    summary: 'Zusammenfassung',
    content: 'Inhalt',
    jobs: 'Jobs',
    options: 'Optionen',
    permissions: 'Berechtigungen',
    maintenance: (mode) => `Wartung: ${mode}`,
    notMounted: 'nicht eingehängt',
    unknown: (store) => `Es gibt hier keinen Datastore ${store}, oder Sie dürfen ihn nicht sehen.`,
  },
});

export type DatastoreTab = 'summary' | 'content' | 'jobs' | 'options' | 'permissions';

interface Props {
  store: string;
  tab: DatastoreTab;
  /** Buttons at the right of the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** Address of a tab: the summary has the datastore's own. */
export function datastoreAddress(store: string, tab: DatastoreTab = 'summary'): string {
  const own = `/datastore/${encodeURIComponent(store)}`;
  return tab === 'summary' ? own : `${own}/${tab}`;
}

/** Frame of a page of the datastore. The children are drawn at once; what the user may not see has no tab. */
export function DatastoreFrame({ store, tab, actions, children }: Props): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const list = useCall(listDatastores, {}, { every: 10_000 });
  const own = list.data?.find((one) => one.store === store);
  const path = `/datastore/${store}`;
  const tabs: readonly (readonly [DatastoreTab, boolean])[] = [
    ['summary', true],
    ['content', true],
    ['jobs', may(path, 'Datastore.Audit')],
    ['options', may(path, 'Datastore.Audit')],
    ['permissions', may('/access/acl', 'Sys.Audit', 'Permissions.Modify')],
  ];
  return (
    <Page title={store} {...(actions === undefined ? {} : { actions })}>
      <Tabs
        label={t.tabs(store)}
        current={datastoreAddress(store, tab)}
        tabs={tabs
          .filter(([id, isShown]) => isShown || id === tab)
          .map(([id]) => ({ to: datastoreAddress(store, id), label: t[id] }))}
      />
      {list.data !== undefined && own === undefined && <ErrorText error={t.unknown(store)} />}
      {own?.maintenance !== undefined && (
        <p>
          <State level="warn">{t.maintenance(own.maintenance)}</State>
        </p>
      )}
      {own?.['mount-status'] === 'notmounted' && (
        <p>
          <State level="warn">{t.notMounted}</State>
        </p>
      )}
      {children}
    </Page>
  );
}
