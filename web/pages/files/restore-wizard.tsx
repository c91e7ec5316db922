// From what is chosen to the command that restores it, on a machine with the client or on a virtualisation host.

import { type ReactNode, useState } from 'react';
import { nodeStatus } from '../../../src/api/nodes/node.contract.ts';
import { useCall } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import type { SnapshotAddress } from '../../base/sealed/server-parts.ts';
import { useSession } from '../../base/session.ts';
import { useTexts } from '../../base/texts.ts';
import { CopyText } from '../../parts/copy-text.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Select, TextInput } from '../../parts/field.tsx';
import { type Entry, partsOf, plainName } from './entry.ts';
import { clientCommand, guestCommand } from './restore-command.ts';
import { words } from './texts.ts';

interface Props {
  snapshot: SnapshotAddress;
  /** The snapshot's own files. */
  tops: readonly Entry[] | undefined;
  /** What is to be restored; nothing chosen is a whole archive. */
  chosen: readonly Entry[];
  fingerprint: string | undefined;
  onClose(): void;
}

export function RestoreWizard({ snapshot, tops = [], chosen, fingerprint, onClose }: Props): ReactNode {
  const t = useTexts(words);
  const session = useSession();
  const { may } = usePermissions();
  const status = useCall(
    nodeStatus,
    { node: 'localhost' },
    { every: false, enabled: may('/system/status', 'Sys.Audit') },
  );
  const { 'backup-type': type, 'backup-id': id, 'backup-time': time, ns = '', store } = snapshot;
  const inside = chosen.filter((entry) => !'vio'.includes(entry.type));
  const archives = [...new Set((chosen.length > 0 ? chosen : tops).map((entry) => partsOf(entry.id).archive))];
  const [place, setPlace] = useState('client');
  const [archive, setArchive] = useState(archives[0] ?? '');
  const isTree = /\.m?pxar\.didx$/.test(archive);
  const [target, setTarget] = useState('');
  const [keyfile, setKeyfile] = useState('/root/.config/proxmox-backup/encryption-key.json');
  const [storage, setStorage] = useState(store);
  const [guest, setGuest] = useState(/^\d+$/.test(id) ? id : '100');
  const [disks, setDisks] = useState('');
  const isGuest = type !== 'host';
  const paths = inside.filter((entry) => partsOf(entry.id).archive === archive).map((entry) => entry.id);
  const command =
    place === 'host'
      ? guestCommand({ type, id, time }, { storage, guest, target: disks })!
      : clientCommand({
          repository: `${session?.user ?? 'user@pbs'}@${hostOf(location)}:${store}`,
          ns,
          type,
          id,
          time,
          archive,
          paths,
          target: target === '' ? (isTree ? '/tmp/restored' : `/tmp/${plainName(archive)}`) : target,
          ...(fingerprint === undefined ? {} : { keyfile }),
          ...(status.data === undefined ? {} : { fingerprint: status.data.info.fingerprint }),
        });
  return (
    <Dialog title={t.restoreTitle} isOpen onClose={onClose}>
      {isGuest && (
        <Select
          label={t.restoreWhere}
          choices={[
            { id: 'client', label: t.onMachine },
            { id: 'host', label: t.onHost },
          ]}
          value={place}
          onChange={setPlace}
        />
      )}
      {place === 'client' ? (
        <>
          {archives.length > 1 && (
            <Select
              label={t.archive}
              choices={archives.map((name) => ({ id: name, label: plainName(name) }))}
              value={archive}
              onChange={setArchive}
            />
          )}
          <p>
            {t.restoreWhat}:{' '}
            {paths.length > 0 ? t.restoreChosen(paths.length) : `${t.restoreWhole} ${plainName(archive)}`}
          </p>
          <TextInput
            label={isTree ? t.targetFolder : t.targetFile}
            value={target}
            onChange={setTarget}
            help={t.targetExample(isTree ? '/tmp/restored' : `/tmp/${plainName(archive)}`)}
          />
          {fingerprint !== undefined && <TextInput label={t.keyfile} value={keyfile} onChange={setKeyfile} />}
        </>
      ) : (
        <>
          <TextInput
            label={t.storage}
            help={ns === '' ? undefined : t.nsHelp(ns)}
            value={storage}
            onChange={setStorage}
          />
          <TextInput label={t.guest} help={t.guestHelp} value={guest} onChange={setGuest} />
          <TextInput label={t.targetStorage} help={t.targetStorageHelp} value={disks} onChange={setDisks} />
        </>
      )}
      <h3>{t.command}</h3>
      <CopyText label={t.command}>{command}</CopyText>
      {place === 'client' && <p className="quiet">{t.commandHelp}</p>}
    </Dialog>
  );
}

/** `host:port`, with an IPv6 address as the browser writes it, in brackets. */
const hostOf = ({ hostname, port }: Location): string => `${hostname}:${port === '' ? '443' : port}`;
