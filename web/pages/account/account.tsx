// One's own account: password, second factors, tokens with their rules.

import { type ReactNode, useState } from 'react';
import { getUser } from '../../../src/api/access/users.contract.ts';
import { dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSession } from '../../base/session.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { PasswordForm } from '../../parts/account/password-form.tsx';
import { Rules } from '../../parts/account/rules.tsx';
import { SecondFactors } from '../../parts/account/second-factors.tsx';
import { Tokens } from '../../parts/account/tokens.tsx';
import { Button } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Facts, Page } from '../../parts/page.tsx';
import { words } from './texts.ts';

export default function Account(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const userid = useSession()?.user ?? '';
  const user = useCall(getUser, { userid }, { every: 60_000 });
  const [isOpen, setOpen] = useState(false);
  const close = (): void => setOpen(false);
  const { data } = user;
  return (
    <Page
      title={t.title}
      actions={
        userid.endsWith('@pbs') && (
          <Button icon="key" onPress={() => setOpen(true)}>
            {t.setPassword}
          </Button>
        )
      }
    >
      <ErrorText error={user.error} />
      <Card title={userid}>
        <Facts
          facts={[
            [t.name, [data?.firstname, data?.lastname].filter(Boolean).join(' ') || '–'],
            [t.email, data?.email ?? '–'],
            [t.comment, data?.comment ?? '–'],
            [t.expires, data?.expire ? dateTime(data.expire, language) : t.never],
          ]}
        />
      </Card>
      <SecondFactors userid={userid} mayChange />
      <Tokens userid={userid} mayChange />
      <Rules title={t.rules} part="rule" tokensOf={userid} mayChange intro={<p className="quiet">{t.rulesText}</p>} />
      <Dialog title={t.setPassword} isOpen={isOpen} onClose={close}>
        <PasswordForm userid={userid} onDone={close} onCancel={close} />
      </Dialog>
    </Page>
  );
}
