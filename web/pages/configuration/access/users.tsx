// All users.

import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { listTfa } from '../../../../src/api/access/tfa.contract.ts';
import { deleteUser, listUsers } from '../../../../src/api/access/users.contract.ts';
import { date } from '../../../base/format.ts';
import { useCall, useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useSettings } from '../../../base/settings.ts';
import { useTexts } from '../../../base/texts.ts';
import { AccountState, isLocked, stateOf } from '../../../parts/account/account-state.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { RemovedWithUser } from './removed-with-user.tsx';
import { words } from './texts.ts';
import { AddUserForm, EditUserForm } from './user-forms.tsx';

export default function Users(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [, navigate] = useLocation();
  const mayChange = usePermissions().may('/access/users', 'Permissions.Modify');
  const users = useWhole(listUsers, { include_tokens: true });
  const factors = useCall(listTfa, {});
  const remove = useChange(deleteUser);
  type User = NonNullable<typeof users.data>['data'][number];
  const kindsOf = (userid: string): string => {
    const entries = factors.data?.find((one) => one.userid === userid)?.entries ?? [];
    return [...new Set(entries.filter((one) => one.enable !== false).map((one) => one.type))].join(', ');
  };
  const columns: Column<User>[] = [
    { id: 'userid', header: t.user, value: (user) => user.userid, width: 'minmax(8rem, 1.3fr)' },
    {
      id: 'name',
      header: t.name,
      value: (user) => [user.firstname, user.lastname].filter(Boolean).join(' '),
      isExtra: true,
      width: 'minmax(5rem, 1fr)',
    },
    {
      id: 'state',
      header: t.state,
      value: (user) => `${t[stateOf(user)]} ${isLocked(user) ? t.locked : ''}`,
      cell: (user) => <AccountState account={user} />,
      width: 'minmax(6.7rem, 1fr)',
    },
    {
      id: 'expire',
      header: t.expires,
      value: (user) => user.expire || undefined,
      cell: (user) => (user.expire ? date(user.expire, language) : <span className="quiet">{t.never}</span>),
      isExtra: true,
      width: '7.6rem',
    },
    {
      id: 'factors',
      header: t.factorsShort,
      value: (user) => kindsOf(user.userid),
      isExtra: true,
      width: 'minmax(5rem, 1fr)',
    },
    {
      id: 'tokens',
      header: t.tokensShort,
      value: (user) => user.tokens?.length ?? 0,
      isNumber: true,
      isExtra: true,
      width: '5rem',
    },
    { id: 'comment', header: t.comment, value: (user) => user.comment, isExtra: true, width: 'minmax(5rem, 1fr)' },
  ];
  return (
    <ObjectList
      title={t.users}
      columns={columns}
      rows={users.data?.data}
      digest={users.data?.digest}
      error={users.error}
      rowId={(user) => user.userid}
      sort={{ id: 'userid', desc: false }}
      onOpen={(user) => navigate(`/configuration/users/${encodeURIComponent(user.userid)}`)}
      add={mayChange && [{ id: 'user', label: t.addUser, form: (ends) => <AddUserForm {...ends} /> }]}
      edit={mayChange && { form: (user, ends) => <EditUserForm user={user} {...ends} /> }}
      remove={
        mayChange && {
          isShown: (user) => user.userid !== 'root@pam',
          text: (user) => <RemovedWithUser userid={user.userid} />,
          run: ({ userid }, digest) => remove.run({ userid, digest }),
          isTyped: true,
        }
      }
    />
  );
}
