// Which encrypted snapshot: datastore, namespace, and one of the newest in it.

import { type ReactNode, useState } from 'react';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { listNamespaces } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import type { SnapshotAddress } from '../../base/sealed/server-parts.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { askedChoices, ErrorText, Select } from '../../parts/field.tsx';
import { State } from '../../parts/state.tsx';
import { words } from './texts.ts';

/** Snapshots in the list: it is one of them that is wanted, not all. */
const mostListed = 200;

type Snapshot = Result<typeof listSnapshots>[number];

interface Props {
  /** Which are meant. */
  isOffered(snapshot: Snapshot): boolean;
  /** Said where there is none. */
  none: string;
  onChange(snapshot: SnapshotAddress | undefined): void;
}

export function SnapshotChoice({ isOffered, none, onChange }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [store, setStore] = useState('');
  const [ns, setNs] = useState('');
  const [chosen, setChosen] = useState('');
  const stores = useCall(listDatastores, {}, { every: false });
  const inStore = { every: false, enabled: store !== '' } as const;
  const namespaces = useCall(listNamespaces, { store }, inStore);
  const snapshots = useCall(listSnapshots, { store, ...(ns === '' ? {} : { ns }) }, inStore);
  const all = store === '' ? [] : (snapshots.data ?? []).filter(isOffered);
  const offered = all.sort((a, b) => b['backup-time'] - a['backup-time']).slice(0, mostListed);
  const nameOf = (one: Snapshot): string => `${one['backup-type']}/${one['backup-id']}/${one['backup-time']}`;
  const choose = (name: string): void => {
    setChosen(name);
    const one = offered.find((snapshot) => nameOf(snapshot) === name);
    onChange(one && addressOf(one));
  };
  const addressOf = (one: Snapshot): SnapshotAddress => {
    const { 'backup-type': type, 'backup-id': id, 'backup-time': time } = one;
    return { store, ...(ns === '' ? {} : { ns }), 'backup-type': type, 'backup-id': id, 'backup-time': time };
  };
  return (
    <>
      <ErrorText error={snapshots.error} />
      <Select
        label={t.store}
        choices={askedChoices(stores, (list) => list.map((one) => ({ id: one.store, label: one.store })))}
        value={store}
        onChange={(value) => {
          setStore(value);
          setNs('');
          choose('');
        }}
      />
      {(namespaces.data?.length ?? 0) > 1 && (
        <Select
          label={t.ns}
          choices={namespaces.data!.map((one) => ({ id: one.ns || '/', label: one.ns || t.root }))}
          value={ns || '/'}
          onChange={(value) => {
            setNs(value === '/' ? '' : value);
            choose('');
          }}
        />
      )}
      {snapshots.isLoading && <State level="busy">{t.loadingSnapshots}</State>}
      {store !== '' && snapshots.data !== undefined && offered.length === 0 && <p className="quiet">{none}</p>}
      {offered.length > 0 && (
        <Select
          label={t.snapshot}
          help={all.length > mostListed ? t.newest(mostListed) : undefined}
          choices={offered.map((one) => ({
            id: nameOf(one),
            label: `${one['backup-type']}/${one['backup-id']}, ${dateTime(one['backup-time'], language)}`,
          }))}
          value={chosen}
          onChange={choose}
        />
      )}
    </>
  );
}
