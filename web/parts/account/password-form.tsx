// Sets a user's password, one's own or another's.

import type { ReactNode } from 'react';
import { changeUserPassword } from '../../../src/api/access/users.contract.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm } from '../contract-form.tsx';
import type { FormEnds } from '../object-list.tsx';
import { useOwnPassword } from './own-password.ts';
import { words } from './texts.ts';

export function PasswordForm({ userid, onDone, onCancel }: FormEnds & { userid: string }): ReactNode {
  const t = useTexts(words);
  return (
    <ContractForm
      contract={changeUserPassword}
      fixed={{ userid }}
      fields={{
        ...useOwnPassword('confirmation-password'),
        password: { label: t.password, help: t.passwordHelp, repeated: t.passwordAgain },
      }}
      submit={t.setPassword}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}
