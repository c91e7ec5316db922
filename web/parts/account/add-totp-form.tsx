// Adds an authenticator app: the browser makes the secret and draws it, the server wants to see a code of it first.

import { type ReactNode, useState } from 'react';
import { addTfa } from '../../../src/api/access/tfa.contract.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm } from '../contract-form.tsx';
import { CopyText } from '../copy-text.tsx';
import type { FormEnds } from '../object-list.tsx';
import { useOwnPassword } from './own-password.ts';
import { QrCode } from './qr-code.tsx';
import { words } from './texts.ts';
import { newTotpSecret, totpUri } from './totp-uri.ts';
import { useUserChoice } from './user-choice.ts';

export function AddTotpForm({ userid, onDone, onCancel }: FormEnds & { userid: string | undefined }): ReactNode {
  const t = useTexts(words);
  const [secret] = useState(newTotpSecret);
  const password = useOwnPassword('password');
  const user = useUserChoice(userid);
  const uri = totpUri(secret, { issuer: `Granary ${location.hostname}`, account: userid ?? '' });
  return (
    <ContractForm
      contract={addTfa}
      fixed={{ type: 'totp', totp: uri, ...(userid === undefined ? {} : { userid }) }}
      fields={{
        ...user,
        description: { label: t.description, help: t.descriptionHelp, isRequired: true },
        value: {
          label: t.code,
          help: t.codeHelp,
          isRequired: true,
          type: 'text',
          above: (
            <>
              <p>{t.scan}</p>
              <QrCode label={t.qr} text={uri} />
              <CopyText label={t.secret}>{secret}</CopyText>
            </>
          ),
        },
        ...password,
      }}
      submit={t.addTotp}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}
