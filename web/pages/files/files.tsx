// The files of a snapshot: `?ns=&type=&id=&time=` names it, `path` the entry that is looked at, `find` what is searched
// for, `scope=all` that all snapshots of the group are.

import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useParams, useSearchParams } from 'wouter';
import { listFiles } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { backupTypes } from '../../../src/model/names.ts';
import { useCall } from '../../base/live.ts';
import type { Key } from '../../base/sealed/key.ts';
import { forgetKey, rememberKey, useKnownKey } from '../../base/sealed/known-keys.ts';
import { SealedSnapshot, statedFingerprint } from '../../base/sealed/sealed-snapshot.ts';
import { type SnapshotAddress, serverParts } from '../../base/sealed/server-parts.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { Downloads } from '../../parts/downloads.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { KeyInput } from '../../parts/key-input.tsx';
import { Card } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import { Browser } from './browser.tsx';
import styles from './files.module.css';
import { snapshotPath } from './restore-command.ts';
import { SealedSource } from './sealed-source.ts';
import { ServerSource, type Source } from './source.ts';
import { words } from './texts.ts';

export default function Files(): ReactNode {
  const t = useTexts(words);
  const { store = '' } = useParams<{ store: string }>();
  const [query] = useSearchParams();
  const snapshot = addressIn(store, query);
  return (
    <DatastoreFrame store={store} tab="content">
      {snapshot === undefined ? (
        <ErrorText error={t.missing} />
      ) : (
        <SnapshotFiles key={JSON.stringify(snapshot)} snapshot={snapshot} />
      )}
    </DatastoreFrame>
  );
}

function addressIn(store: string, query: URLSearchParams): SnapshotAddress | undefined {
  const type = backupTypes.find((one) => one === query.get('type'));
  const [id, time, ns] = [query.get('id') ?? '', Number(query.get('time')), query.get('ns') ?? ''];
  if (type === undefined || id === '' || !Number.isSafeInteger(time) || time < 1) return undefined;
  return { store, ...(ns === '' ? {} : { ns }), 'backup-type': type, 'backup-id': id, 'backup-time': time };
}

function SnapshotFiles({ snapshot }: { snapshot: SnapshotAddress }): ReactNode {
  const t = useTexts(words);
  const files = useCall(listFiles, snapshot, { every: false });
  const isEncrypted = files.data?.some((file) => file['crypt-mode'] === 'encrypt') ?? false;
  const name = snapshotPath({
    type: snapshot['backup-type'],
    id: snapshot['backup-id'],
    time: snapshot['backup-time'],
  });
  const title = t.title(snapshot.ns === undefined ? name : `${snapshot.ns}: ${name}`);
  return (
    <>
      <h2 className={styles['print']}>{title}</h2>
      <Downloads />
      <ErrorText error={files.error} />
      {files.isLoading && <p className="quiet">{t.loading}</p>}
      {files.data !== undefined && (isEncrypted ? <Sealed snapshot={snapshot} /> : <Plain snapshot={snapshot} />)}
    </>
  );
}

function Plain({ snapshot }: { snapshot: SnapshotAddress }): ReactNode {
  const source = useSource('plain', snapshot, async () => new ServerSource(snapshot));
  return source.data && <Browser source={source.data} sourceKey={keyOf('plain', snapshot)} snapshot={snapshot} />;
}

function Sealed({ snapshot }: { snapshot: SnapshotAddress }): ReactNode {
  const t = useTexts(words);
  const parts = serverParts(snapshot);
  const stated = useQuery({
    queryKey: ['fingerprint', snapshot],
    queryFn: () => statedFingerprint(parts),
    staleTime: Number.POSITIVE_INFINITY,
  });
  // A manifest that does not name its key is opened by the one that was given for it.
  const [given, setGiven] = useState<Key>();
  const key = useKnownKey(stated.data ?? given?.fingerprint);
  const kind = key === undefined ? undefined : `sealed ${key.fingerprint}`;
  const source = useSource(kind, snapshot, async () => {
    return new SealedSource(await SealedSnapshot.open(parts, key!), snapshot['backup-time']);
  });
  if (key === undefined) {
    return (
      <Card title={t.encrypted}>
        <p>{t.encryptedWhy}</p>
        <ErrorText error={stated.error ?? undefined} />
        {typeof stated.data === 'string' && (
          <p className={styles['print']}>
            {t.fingerprint} <code>{stated.data}</code>
          </p>
        )}
        <KeyInput
          onKey={async (chosen) => {
            // Refuses another key in words, before it is kept.
            await SealedSnapshot.open(parts, chosen);
            setGiven(chosen);
            rememberKey(chosen);
          }}
        />
      </Card>
    );
  }
  return (
    <>
      <div className={styles['row']}>
        <State level="good">{t.opened(key.fingerprint.slice(0, 23))}</State>
        <Button kind="plain" icon="close" onPress={() => forgetKey(key.fingerprint)}>
          {t.forget}
        </Button>
      </div>
      <ErrorText error={source.error ?? undefined} />
      {source.data && (
        <Browser
          source={source.data}
          sourceKey={keyOf(kind!, snapshot)}
          snapshot={snapshot}
          fingerprint={key.fingerprint}
        />
      )}
    </>
  );
}

const keyOf = (kind: string, snapshot: SnapshotAddress): string => `${kind} ${JSON.stringify(snapshot)}`;

/** One for as long as the page shows the snapshot: what was read once is not read again. Undefined kind: not yet. */
function useSource(kind: string | undefined, snapshot: SnapshotAddress, open: () => Promise<Source>) {
  return useQuery({
    queryKey: ['source', kind, snapshot],
    queryFn: open,
    enabled: kind !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
}
