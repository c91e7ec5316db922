// All that is known of one snapshot, with its files to download.

import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { download, downloadDecoded } from '../../../src/api/admin/datastore/content.contract.ts';
import { getNotes, listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { addressOf } from '../../base/api.ts';
import { bytes, dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Facts } from '../../parts/page.tsx';
import { compareAddress, filesAddress } from './addresses.ts';
import { VerifyState } from './columns.tsx';
import styles from './content.module.css';
import { encryptionOf, type Snapshot, snapshotText } from './nodes.ts';
import { words } from './texts.ts';
import { inNamespace } from './use-content.ts';

export interface SnapshotAddress {
  ns: string;
  type: Snapshot['backup-type'];
  id: string;
  time: number;
}

interface Props {
  store: string;
  snapshot: SnapshotAddress;
  onClose(): void;
}

export function SnapshotDialog({ store, snapshot, onClose }: Props): ReactNode {
  const t = useTexts(words);
  const [, navigate] = useLocation();
  const { ns, type, id, time } = snapshot;
  const group = { store, ...inNamespace(ns), 'backup-type': type, 'backup-id': id };
  const list = useCall(listSnapshots, { ...group, usage: true }, { every: 20_000 });
  const found = list.data?.find((one) => one['backup-time'] === time);
  const name = snapshotText({ 'backup-type': type, 'backup-id': id, 'backup-time': time });
  const mayRead = found !== undefined && found.size !== undefined && encryptionOf(found) !== 'encrypted';
  return (
    <Dialog
      title={name}
      isOpen
      onClose={onClose}
      size="wide"
      buttons={
        <>
          <Button icon="copy" onPress={() => navigate(compareAddress(store, { ns, type, id }, { to: time }))}>
            {t.compare}
          </Button>
          {mayRead && (
            <Button kind="primary" icon="folder" onPress={() => navigate(filesAddress(store, { ns, type, id }, time))}>
              {t.browse}
            </Button>
          )}
        </>
      }
    >
      <ErrorText error={list.error ?? (list.data !== undefined && found === undefined ? t.gone : undefined)} />
      {found !== undefined && (
        <>
          <SnapshotFacts snapshot={found} notes={{ ...group, 'backup-time': time }} />
          <h3>{t.files}</h3>
          <ul className={styles['files']}>
            {found.files.map((file) => (
              <FileLine key={file.filename} file={file} parameters={{ ...group, 'backup-time': time }} />
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}

type NotesOf = Parameters<typeof useNotes>[0];

function useNotes(parameters: {
  store: string;
  ns?: string;
  'backup-type': Snapshot['backup-type'];
  'backup-id': string;
  'backup-time': number;
}) {
  return useCall(getNotes, parameters, { every: 20_000 }).data;
}

function SnapshotFacts({ snapshot, notes }: { snapshot: Snapshot; notes: NotesOf }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const text = useNotes(notes);
  const encryption = encryptionOf(snapshot);
  const { verification, fingerprint } = snapshot;
  const facts: (readonly [string, ReactNode])[] = [
    [t.time, dateTime(snapshot['backup-time'], language)],
    [t.size, bytes(snapshot.size, language)],
    [t.unique, bytes(snapshot['unique-bytes'], language)],
    [t.shared, bytes(snapshot['shared-bytes'], language)],
    [
      t.verifyState,
      <span key="verify" className={styles['buttons']}>
        <VerifyState snapshot={snapshot} t={t} />
        {verification !== undefined && (
          <Link href={`/tasks/${encodeURIComponent(verification.upid)}`}>{t.verifyTask}</Link>
        )}
      </span>,
    ],
    [t.encryption, t[encryption]],
    ...(fingerprint === undefined ? [] : [[t.fingerprint, <code key="key">{fingerprint}</code>] as const]),
    [t.protection, snapshot.protected ? t.yes : t.no],
    [t.owner, snapshot.owner ?? '–'],
    ...(text
      ? [
          [
            t.notes,
            <span key="notes" className={styles['lines']}>
              {text}
            </span>,
          ] as const,
        ]
      : []),
  ];
  return <Facts facts={facts} />;
}

interface FileLineProps {
  file: Snapshot['files'][number];
  parameters: NotesOf;
}

/** A file with the link that downloads it: as its content, or as it is stored where only the key's owner can read it. */
function FileLine({ file, parameters }: FileLineProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const name = file.filename;
  const isEncrypted = file['crypt-mode'] === 'encrypt';
  const asked = { ...parameters, 'file-name': name };
  return (
    <li>
      <span>{name}</span>
      <span className={styles['buttons']}>
        <span className="quiet">{bytes(file.size, language)}</span>
        <a
          href={isEncrypted ? addressOf(download, asked) : addressOf(downloadDecoded, asked)}
          download={isEncrypted ? name : name.replace(/\.(blob|[fd]idx)$/, '')}
          aria-label={`${isEncrypted ? t.downloadStored : t.download}: ${name}`}
          className={styles['link']}
        >
          <Icon name="download" size={16} />
          {isEncrypted ? t.downloadStored : t.download}
        </a>
      </span>
    </li>
  );
}
