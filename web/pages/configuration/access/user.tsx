// One user: the account, and what can be done with it.

import { type ReactNode, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { unlockTfa } from '../../../../src/api/access/tfa.contract.ts';
import { deleteUser, getUser, updateUser } from '../../../../src/api/access/users.contract.ts';
import { dateTime } from '../../../base/format.ts';
import { useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useSettings } from '../../../base/settings.ts';
import { useTexts } from '../../../base/texts.ts';
import { AccountState, isLocked } from '../../../parts/account/account-state.tsx';
import { PasswordForm } from '../../../parts/account/password-form.tsx';
import { SecondFactors } from '../../../parts/account/second-factors.tsx';
import { Tokens } from '../../../parts/account/tokens.tsx';
import { Button } from '../../../parts/button.tsx';
import { Confirm, Dialog } from '../../../parts/dialog.tsx';
import { ErrorText } from '../../../parts/field.tsx';
import { Card, Facts, Page } from '../../../parts/page.tsx';
import { RemovedWithUser } from './removed-with-user.tsx';
import { words } from './texts.ts';
import { EditUserForm } from './user-forms.tsx';

type Open = 'edit' | 'password' | 'disable' | 'remove';

export default function User({ id: userid }: { id: string }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [, navigate] = useLocation();
  const { may } = usePermissions();
  const [open, setOpen] = useState<Open>();
  const answer = useWhole(getUser, { userid });
  const update = useChange(updateUser);
  const unlock = useChange(unlockTfa);
  const remove = useChange(deleteUser);
  const user = answer.data?.data;
  const digest = answer.data?.digest;
  const mayChange = may('/access/users', 'Permissions.Modify');
  const close = (): void => setOpen(undefined);
  if (user === undefined) {
    return <Page title={userid}>{answer.error !== undefined && <ErrorText error={answer.error} />}</Page>;
  }
  const isEnabled = user.enable !== false;
  const isRoot = userid === 'root@pam';
  const setEnabled = (enable: boolean): Promise<unknown> => update.run({ userid, enable, digest });
  return (
    <Page
      title={userid}
      actions={
        mayChange && (
          <>
            <Button icon="edit" onPress={() => setOpen('edit')}>
              {t.edit}
            </Button>
            {userid.endsWith('@pbs') && may('/', 'Permissions.Modify') && (
              <Button icon="key" onPress={() => setOpen('password')}>
                {t.setPassword}
              </Button>
            )}
            {isLocked(user) && (
              <Button icon="lock" kind="primary" onPress={() => void unlock.run({ userid }).catch(() => {})}>
                {t.unlock}
              </Button>
            )}
            {isEnabled && !isRoot && (
              <Button icon="stop" onPress={() => setOpen('disable')}>
                {t.disable}
              </Button>
            )}
            {!isEnabled && (
              <Button icon="play" onPress={() => void setEnabled(true).catch(() => {})}>
                {t.enable}
              </Button>
            )}
            {!isRoot && (
              <Button icon="trash" onPress={() => setOpen('remove')}>
                {t.remove}
              </Button>
            )}
          </>
        )
      }
    >
      <Link href="/configuration/users">← {t.back}</Link>
      <ErrorText error={unlock.error ?? update.error} />
      <Card title={t.account}>
        <Facts
          facts={[
            [t.state, <AccountState key="state" account={user} />],
            [t.expires, user.expire ? dateTime(user.expire, language) : t.never],
            [t.name, [user.firstname, user.lastname].filter(Boolean).join(' ') || '–'],
            [t.email, user.email ?? '–'],
            [t.comment, user.comment ?? '–'],
          ]}
        />
        <Link href={`/configuration/permissions?who=${encodeURIComponent(userid)}`}>{t.permissions}</Link>
      </Card>
      <Tokens userid={userid} mayChange={mayChange} />
      <SecondFactors userid={userid} mayChange={mayChange} />
      <Dialog title={`${t.edit} ${userid}`} isOpen={open === 'edit'} onClose={close}>
        {open === 'edit' && <EditUserForm user={user} digest={digest} onDone={close} onCancel={close} />}
      </Dialog>
      <Dialog title={`${t.setPassword}: ${userid}`} isOpen={open === 'password'} onClose={close}>
        <PasswordForm userid={userid} onDone={close} onCancel={close} />
      </Dialog>
      <Confirm
        title={t.disableUser(userid)}
        isOpen={open === 'disable'}
        onClose={close}
        action={t.disable}
        onConfirm={() => setEnabled(false)}
      >
        <p>{t.disableText(userid)}</p>
      </Confirm>
      <Confirm
        title={t.removeUser(userid)}
        isOpen={open === 'remove'}
        onClose={close}
        action={t.remove}
        name={userid}
        onConfirm={async () => {
          await remove.run({ userid, digest });
          navigate('/configuration/users');
        }}
      >
        <RemovedWithUser userid={userid} />
      </Confirm>
    </Page>
  );
}
