// Realms: where passwords are checked, and directories that users come from.

import { type ReactNode, useState } from 'react';
import { listDomains } from '../../../../src/api/access/acl.contract.ts';
import { listUsers } from '../../../../src/api/access/users.contract.ts';
import {
  adRealmContracts,
  ldapRealmContracts,
  openIdRealmContracts,
} from '../../../../src/api/config/access/realms.contract.ts';
import { useCall, useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import type { Column } from '../../../parts/data-table.tsx';
import { Dialog } from '../../../parts/dialog.tsx';
import { type AddForm, ObjectList } from '../../../parts/object-list.tsx';
import { State } from '../../../parts/state.tsx';
import { TaskDialog } from '../../../parts/task-log.tsx';
import {
  AddRealmForm,
  type DirectoryType,
  EditRealmForm,
  isDirectory,
  type NewRealmType,
  type RealmType,
  SyncRealmForm,
} from './realm-forms.tsx';
import { words } from './texts.ts';

export default function Realms(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const realms = useWhole(listDomains, {});
  const users = useCall(listUsers, {});
  const removals = {
    ldap: useChange(ldapRealmContracts.remove),
    ad: useChange(adRealmContracts.remove),
    openid: useChange(openIdRealmContracts.remove),
  };
  const [synced, setSynced] = useState<{ realm: string; type: DirectoryType }>();
  const [task, setTask] = useState<string>();
  type Realm = NonNullable<typeof realms.data>['data'][number];
  const mayModify = may('/access/domains', 'Realm.Allocate');
  const usersOf = (realm: string): number =>
    users.data?.filter(({ userid }) => userid.endsWith(`@${realm}`)).length ?? 0;
  const columns: Column<Realm>[] = [
    { id: 'realm', header: t.realm, value: (realm) => realm.realm, width: 'minmax(4.5rem, 1fr)' },
    { id: 'kind', header: t.kind, value: (realm) => t[realm.type as RealmType], width: 'minmax(11rem, 1.6fr)' },
    {
      id: 'default',
      header: t.default,
      value: (realm) => realm.default === true,
      cell: (realm) => realm.default === true && <State level="good">{t.isDefault}</State>,
      isExtra: true,
      width: '7.6rem',
    },
    {
      id: 'users',
      header: t.users,
      value: (realm) => usersOf(realm.realm),
      isNumber: true,
      isExtra: true,
      width: '5.5rem',
    },
    { id: 'comment', header: t.comment, value: (realm) => realm.comment, isExtra: true, width: 'minmax(6rem, 1fr)' },
  ];
  const add = (type: NewRealmType, label: string): AddForm => ({
    id: type,
    label,
    form: (ends) => <AddRealmForm type={type} submit={label} {...ends} />,
  });
  return (
    <>
      <ObjectList
        title={t.realms}
        intro={<p className="quiet">{t.realmsText}</p>}
        columns={columns}
        rows={realms.data?.data}
        digest={realms.data?.digest}
        error={realms.error}
        rowId={(realm) => realm.realm}
        add={mayModify && [add('ldap', t.addLdap), add('ad', t.addAd), add('openid', t.addOpenid)]}
        edit={
          mayModify && {
            form: ({ realm, type }, { digest: _, ...ends }) => (
              <EditRealmForm type={type as RealmType} realm={realm} {...ends} />
            ),
          }
        }
        remove={
          mayModify && {
            isShown: ({ type }) => type !== 'pam' && type !== 'pbs',
            isTyped: true,
            text: ({ realm }) => <p>{t.removeText(realm, usersOf(realm))}</p>,
            run: ({ realm, type }, digest) => removals[type as NewRealmType].run({ realm, digest }),
          }
        }
        actions={({ realm, type }) =>
          isDirectory(type) && may('/access/users', 'Permissions.Modify')
            ? [{ id: 'sync', label: t.sync(realm), icon: 'refresh', run: () => setSynced({ realm, type }) }]
            : []
        }
      />
      <Dialog
        title={synced === undefined ? '' : t.sync(synced.realm)}
        isOpen={synced !== undefined}
        onClose={() => setSynced(undefined)}
      >
        {synced !== undefined && (
          <SyncRealmForm
            {...synced}
            onStarted={(upid) => {
              setSynced(undefined);
              setTask(upid);
            }}
            onCancel={() => setSynced(undefined)}
          />
        )}
      </Dialog>
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}
