// What stands around every page of one datastore: its name, a word on maintenance, and the tabs that lead to the others.

import type { ReactNode } from 'react';
import { listDatastores } from '../../src/api/admin/datastore/list.contract.ts';
import { datastoreContracts } from '../../src/api/config/datastore.contract.ts';
import { parsePropertyString } from '../../src/config/property-string.ts';
import { useCall } from '../base/live.ts';
import { usePermissions } from '../base/permissions.ts';
import { texts, useTexts } from '../base/texts.ts';
import type { Shown } from './contract-form.tsx';
import { ErrorText, Notice } from './field.tsx';
import { MountButton } from './mount-button.tsx';
import { Page } from './page.tsx';
import { percentDecoded } from './property-fields.tsx';
import { Tabs } from './tabs.tsx';

const words = texts({
  en: {
    tabs: (store: string) => `Parts of datastore ${store}`,
    summary: 'Summary',
    content: 'Content',
    jobs: 'Jobs',
    options: 'Options',
    permissions: 'Permissions',
    readOnly: 'Maintenance: read-only. Backups are refused, restores work.',
    offline: 'Maintenance: offline. Nothing may read or write this datastore.',
    delete: 'This datastore is being removed.',
    unmount: 'This datastore is being unmounted.',
    's3-refresh': 'The contents are being fetched anew from the object store.',
    notMounted: 'The device of this datastore is not mounted. Plug it in, or mount it here.',
    unknown: (store: string) => `There is no datastore ${store} here, or you may not see it.`,
  },
  de: {
    tabs: (store) => `Teile des Datastores ${store}`,
    summary: 'Zusammenfassung',
    content: 'Inhalt',
    jobs: 'Jobs',
    options: 'Optionen',
    permissions: 'Berechtigungen',
    readOnly: 'Wartung: nur lesen. Sicherungen werden abgelehnt, Wiederherstellung geht.',
    offline: 'Wartung: offline. Niemand darf aus diesem Datastore lesen oder in ihn schreiben.',
    delete: 'Dieser Datastore wird gerade entfernt.',
    unmount: 'Dieser Datastore wird gerade ausgehängt.',
    's3-refresh': 'Der Inhalt wird neu vom Objektspeicher geholt.',
    notMounted: 'Das Medium dieses Datastores ist nicht eingehängt. Stecken Sie es an, oder hängen Sie es hier ein.',
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

/**
 * Frame of a page of the datastore. The children are drawn at once, but for what is on a device that is not there; what
 * the user may not see has no tab.
 */
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
  const isAway = own?.['mount-status'] === 'notmounted';
  const isRemovable = own !== undefined && own['mount-status'] !== 'nonremovable';
  return (
    <Page
      title={store}
      actions={
        <>
          {!isAway && actions}
          {isRemovable && <MountButton listed={own} />}
        </>
      }
    >
      <Tabs
        label={t.tabs(store)}
        current={datastoreAddress(store, tab)}
        tabs={tabs
          .filter(([id, isShown]) => isShown || id === tab)
          .map(([id]) => ({ to: datastoreAddress(store, id), label: t[id] }))}
      />
      {list.data !== undefined && own === undefined && <ErrorText error={t.unknown(store)} />}
      {own?.maintenance !== undefined && <Notice>{maintenanceText(own.maintenance, t)}</Notice>}
      {isAway && <Notice>{t.notMounted}</Notice>}
      {!(isAway && (tab === 'summary' || tab === 'content')) && children}
    </Page>
  );
}

const format = (datastoreContracts.update.parameters.properties['maintenance-mode'] as Shown).propertyString!;

function maintenanceText(
  mode: string,
  t: Record<'readOnly' | 'offline' | 'delete' | 'unmount' | 's3-refresh', string>,
) {
  const { type, message } = parsePropertyString(format, mode).value ?? {};
  const text = type === 'read-only' ? t.readOnly : (t[type as 'offline'] ?? mode);
  return message === undefined ? text : `${text} ${percentDecoded(String(message))}`;
}
