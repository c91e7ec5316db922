// Tries a key on a real snapshot: fingerprint, signature, and a chunk that is decrypted.

import { type ReactNode, useState } from 'react';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { listNamespaces } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { bytes, dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import type { Key } from '../../base/sealed/key.ts';
import { SealedSnapshot } from '../../base/sealed/sealed-snapshot.ts';
import { type SnapshotAddress, serverParts } from '../../base/sealed/server-parts.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText, Select } from '../../parts/field.tsx';
import { KeyInput } from '../../parts/key-input.tsx';
import { State } from '../../parts/state.tsx';
import styles from './keys.module.css';
import { words } from './texts.ts';

/** Snapshots in the list: it is one of them that is tried, not all. */
const mostListed = 200;

interface Outcome {
  fingerprint: string;
  name: string;
  bytes: number;
}

export function TestKey(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [store, setStore] = useState('');
  const [ns, setNs] = useState('');
  const [chosen, setChosen] = useState('');
  const [outcome, setOutcome] = useState<Outcome>();
  const stores = useCall(listDatastores, {}, { every: false });
  const inStore = { every: false, enabled: store !== '' } as const;
  const namespaces = useCall(listNamespaces, { store }, inStore);
  const snapshots = useCall(listSnapshots, { store, ...(ns === '' ? {} : { ns }) }, inStore);
  const all = (store === '' ? [] : (snapshots.data ?? [])).filter((one) =>
    one.files.some((file) => file['crypt-mode'] === 'encrypt'),
  );
  const encrypted = all.sort((a, b) => b['backup-time'] - a['backup-time']).slice(0, mostListed);
  const nameOf = (one: (typeof encrypted)[number]): string =>
    `${one['backup-type']}/${one['backup-id']}/${one['backup-time']}`;
  const snapshot = encrypted.find((one) => nameOf(one) === chosen);
  return (
    <div className={styles['form']}>
      <p>{t.testWhy}</p>
      <ErrorText error={stores.error ?? snapshots.error} />
      <Select
        label={t.store}
        choices={(stores.data ?? []).map((one) => ({ id: one.store, label: one.store }))}
        value={store}
        onChange={(value) => {
          setStore(value);
          setNs('');
        }}
      />
      {(namespaces.data?.length ?? 0) > 1 && (
        <Select
          label={t.ns}
          choices={namespaces.data!.map((one) => ({ id: one.ns || '/', label: one.ns || t.root }))}
          value={ns || '/'}
          onChange={(value) => setNs(value === '/' ? '' : value)}
        />
      )}
      {store !== '' && snapshots.data !== undefined && encrypted.length === 0 && (
        <p className="quiet">{t.noSnapshots}</p>
      )}
      {encrypted.length > 0 && (
        <Select
          label={t.snapshot}
          help={all.length > mostListed ? t.newest(mostListed) : undefined}
          choices={encrypted.map((one) => ({
            id: nameOf(one),
            label: `${one['backup-type']}/${one['backup-id']}, ${dateTime(one['backup-time'], language)}`,
          }))}
          value={chosen}
          onChange={(value) => {
            setChosen(value);
            setOutcome(undefined);
          }}
        />
      )}
      {snapshot !== undefined && (
        <KeyInput
          action={t.run}
          onKey={async (key) => {
            setOutcome(undefined);
            const { 'backup-type': type, 'backup-id': id, 'backup-time': time } = snapshot;
            const where = { 'backup-type': type, 'backup-id': id, 'backup-time': time };
            setOutcome(await tryKey({ store, ...(ns === '' ? {} : { ns }), ...where }, key));
          }}
        />
      )}
      {outcome !== undefined && (
        <section className={styles['made']} aria-live="polite">
          <State level="good">{t.works}</State>
          <ul className={styles['facts']}>
            <li>{t.sameFingerprint(outcome.fingerprint)}</li>
            <li>{t.signature}</li>
            <li>{t.chunk(outcome.name, bytes(outcome.bytes, language))}</li>
          </ul>
        </section>
      )}
    </div>
  );
}

/** Opens the first chunk of an encrypted file, or a whole blob where there is no other. */
async function tryKey(address: SnapshotAddress, key: Key): Promise<Outcome> {
  const snapshot = await SealedSnapshot.open(serverParts(address), key);
  const encrypted = snapshot.files.filter((file) => file['crypt-mode'] === 'encrypt' && file.size > 0);
  const file = encrypted.find(({ filename }) => !filename.endsWith('.blob')) ?? encrypted[0];
  const name = file?.filename ?? '';
  if (name.endsWith('.blob')) {
    return { fingerprint: key.fingerprint, name, bytes: (await snapshot.blob(name)).byteLength };
  }
  const content = await snapshot.content(name);
  return { fingerprint: key.fingerprint, name, bytes: (await content.firstChunk()).byteLength };
}
