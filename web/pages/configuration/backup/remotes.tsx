// Other servers to sync with: how they are reached, and a test that shows what is to be seen there.

import { type ReactNode, useState } from 'react';
import { remoteContracts, scanRemote } from '../../../../src/api/config/remote.contract.ts';
import { syncJobContracts } from '../../../../src/api/config/sync.contract.ts';
import { defaultRemotePort } from '../../../../src/config/remote-schema.ts';
import { useCall, useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { Dialog } from '../../../parts/dialog.tsx';
import { ErrorText } from '../../../parts/field.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { Notice } from '../../../parts/state.tsx';
import { words } from './texts.ts';

export default function Remotes(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const remotes = useWhole(remoteContracts.list, {});
  const jobs = useCall(syncJobContracts.list, { 'sync-direction': 'all' });
  const remove = useChange(remoteContracts.remove);
  const [tested, setTested] = useState<string>();
  type Remote = NonNullable<typeof remotes.data>['data'][number];
  const usedBy = (name: string): string[] =>
    (jobs.data ?? []).filter((job) => job.remote === name).map((job) => job.id);
  const mayModify = ({ name }: Remote): boolean => may(`/remote/${name}`, 'Remote.Modify');
  const columns: Column<Remote>[] = [
    { id: 'name', header: t.name, value: (remote) => remote.name, width: 'minmax(6rem, 1fr)' },
    {
      id: 'host',
      header: t.host,
      value: (remote) => `${remote.host}:${remote.port ?? defaultRemotePort}`,
      width: 'minmax(8rem, 1.3fr)',
    },
    { id: 'auth', header: t.authId, value: (remote) => remote['auth-id'], isExtra: true, width: 'minmax(8rem, 1.2fr)' },
    {
      id: 'fingerprint',
      header: t.fingerprint,
      value: (remote) => remote.fingerprint,
      cell: (remote) => <code>{remote.fingerprint === undefined ? '–' : `${remote.fingerprint.slice(0, 11)}…`}</code>,
      isExtra: true,
      width: '8rem',
    },
    {
      id: 'used',
      header: t.used,
      value: (remote) => usedBy(remote.name).join(', '),
      isExtra: true,
      width: 'minmax(6rem, 1fr)',
    },
  ];
  const fields = (isNew: boolean): Record<string, FieldHints> => ({
    ...(isNew ? { name: { label: t.name, help: '' } } : {}),
    host: { label: t.host, help: t.hostHelp },
    port: { label: t.port, help: '', byDefault: defaultRemotePort },
    'auth-id': { label: t.authId, help: t.authIdHelp },
    password: { label: t.password, help: isNew ? '' : t.passwordKept },
    fingerprint: { label: t.fingerprint, help: t.fingerprintHelp },
    'use-node-proxy': { label: t.proxy, help: '' },
    comment: { label: t.comment, help: '' },
  });
  return (
    <>
      <ObjectList
        title={t.remotes}
        intro={<p className="quiet">{t.remotesText}</p>}
        columns={columns}
        rows={remotes.data?.data}
        digest={remotes.data?.digest}
        error={remotes.error}
        rowId={(remote) => remote.name}
        empty={t.noRemotes}
        sort={{ id: 'name', desc: false }}
        add={
          may('/remote', 'Remote.Modify') && [
            {
              id: 'remote',
              label: t.addRemote,
              form: (ends) => (
                <ContractForm contract={remoteContracts.create} fields={fields(true)} submit={t.addRemote} {...ends} />
              ),
            },
          ]
        }
        edit={{
          isShown: mayModify,
          form: (remote, { digest, ...ends }) => (
            <ContractForm
              contract={remoteContracts.update}
              initial={remote}
              fixed={{ name: remote.name, digest }}
              fields={fields(false)}
              {...ends}
            />
          ),
        }}
        remove={{
          isShown: mayModify,
          isTyped: true,
          text: ({ name }) => (
            <>
              <p>{t.removeRemote(name)}</p>
              {usedBy(name).length > 0 ? (
                <Notice level="warn">{t.usedBy(usedBy(name).join(', '))}</Notice>
              ) : (
                <p className="quiet">{t.unused}</p>
              )}
            </>
          ),
          run: ({ name }, digest) => remove.run({ name, digest }),
        }}
        actions={({ name }) => [{ id: 'test', label: t.scanName(name), icon: 'play', run: () => setTested(name) }]}
      />
      <Dialog
        title={tested === undefined ? '' : t.scanName(tested)}
        isOpen={tested !== undefined}
        onClose={() => setTested(undefined)}
      >
        {tested !== undefined && (
          <RemoteTest name={tested} remote={remotes.data?.data.find((one) => one.name === tested)} />
        )}
      </Dialog>
    </>
  );
}

function RemoteTest({ name, remote }: { name: string; remote: { fingerprint?: string } | undefined }): ReactNode {
  const t = useTexts(words);
  const scan = useCall(scanRemote, { name }, { every: false });
  return (
    <>
      {scan.error !== undefined ? (
        <ErrorText error={`${t.failed}: ${scan.error.message}`} />
      ) : scan.data === undefined ? (
        <p role="status">{t.scanning}</p>
      ) : (
        <>
          <Notice level="good">{t.reached}</Notice>
          {remote?.fingerprint !== undefined && <code>{remote.fingerprint}</code>}
          <h3>{t.stores}</h3>
          {scan.data.length === 0 && <p>{t.noStores}</p>}
          <ul>
            {scan.data.map(({ store, comment, maintenance }) => (
              <li key={store}>
                {store}
                {comment !== undefined && <span className="quiet"> {comment}</span>}
                {maintenance !== undefined && <span className="quiet"> ({t.maintenance})</span>}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
