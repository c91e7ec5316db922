// The keys that sync jobs encrypt and decrypt snapshots with.

import { type ReactNode, useState } from 'react';
import {
  createEncryptionKey,
  listEncryptionKeys,
  removeEncryptionKey,
  toggleEncryptionKey,
} from '../../../../src/api/config/encryption-keys.contract.ts';
import { syncJobContracts } from '../../../../src/api/config/sync.contract.ts';
import { date } from '../../../base/format.ts';
import { useCall, useChange } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useSettings } from '../../../base/settings.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { Confirm } from '../../../parts/dialog.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { Notice, State } from '../../../parts/state.tsx';
import { words } from './texts.ts';

export default function EncryptionKeys(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { may } = usePermissions();
  const keys = useCall(listEncryptionKeys, { 'include-archived': true });
  const jobs = useCall(syncJobContracts.list, { 'sync-direction': 'all' });
  const toggle = useChange(toggleEncryptionKey);
  const remove = useChange(removeEncryptionKey);
  const [toggled, setToggled] = useState<Key>();
  type Key = NonNullable<typeof keys.data>[number];
  const isArchived = (key: Key): boolean => key['archived-at'] !== undefined;
  const mayModify = (key: Key): boolean => may(`/system/encryption-keys/${key.id}`, 'Sys.Modify');
  const usedBy = (id: string): string[] =>
    (jobs.data ?? [])
      .filter((job) => job['active-encryption-key'] === id || job['associated-key']?.includes(id))
      .map((job) => job.id);
  const columns: Column<Key>[] = [
    { id: 'id', header: t.name, value: (key) => key.id, width: 'minmax(6rem, 1fr)' },
    {
      id: 'state',
      header: t.state,
      value: (key) => (isArchived(key) ? t.archived : t.inUse),
      cell: (key) =>
        isArchived(key) ? <State level="quiet">{t.archived}</State> : <State level="good">{t.inUse}</State>,
      width: '7.5rem',
    },
    {
      id: 'fingerprint',
      header: t.fingerprint,
      value: (key) => key.fingerprint,
      cell: (key) => <code>{key.fingerprint.slice(0, 23)}</code>,
      isExtra: true,
      width: 'minmax(12rem, 1.4fr)',
    },
    {
      id: 'created',
      header: t.created,
      value: (key) => key.created,
      cell: (key) => date(key.created, language),
      isExtra: true,
      width: '7.6rem',
    },
    {
      id: 'used',
      header: t.used,
      value: (key) => usedBy(key.id).join(', '),
      isExtra: true,
      width: 'minmax(5rem, 1fr)',
    },
  ];
  return (
    <>
      <ObjectList
        title={t.keys}
        intro={<p className="quiet">{t.keysText}</p>}
        columns={columns}
        rows={keys.data}
        error={keys.error}
        rowId={(key) => key.id}
        empty={t.noKeys}
        sort={{ id: 'id', desc: false }}
        add={
          may('/system/encryption-keys', 'Sys.Modify') && [
            {
              id: 'key',
              label: t.addKey,
              form: (ends) => (
                <ContractForm
                  contract={createEncryptionKey}
                  fields={{
                    id: { label: t.name, help: '' },
                    key: { label: t.keyFile, help: t.keyFileHelp, isLong: true },
                  }}
                  submit={t.addKey}
                  {...ends}
                />
              ),
            },
          ]
        }
        remove={{
          isShown: (key) => isArchived(key) && mayModify(key),
          isTyped: true,
          text: (key) => (
            <>
              <p>{t.removeKey(key.fingerprint)}</p>
              {usedBy(key.id).length > 0 && <Notice level="warn">{t.usedBy(usedBy(key.id).join(', '))}</Notice>}
            </>
          ),
          run: ({ id }) => remove.run({ id }),
        }}
        actions={(key) => {
          if (!mayModify(key)) return [];
          const run = (): void => setToggled(key);
          return isArchived(key)
            ? [{ id: 'restore', label: t.restore(key.id), icon: 'play', run }]
            : [{ id: 'archive', label: t.archive(key.id), icon: 'stop', run }];
        }}
      />
      <Confirm
        title={toggled === undefined ? '' : isArchived(toggled) ? t.restore(toggled.id) : t.archive(toggled.id)}
        isOpen={toggled !== undefined}
        onClose={() => setToggled(undefined)}
        action={toggled !== undefined && isArchived(toggled) ? t.doRestore : t.doArchive}
        onConfirm={async () => toggled !== undefined && (await toggle.run({ id: toggled.id }))}
      >
        <p>{toggled !== undefined && isArchived(toggled) ? t.restoreText : t.archiveText}</p>
      </Confirm>
    </>
  );
}
