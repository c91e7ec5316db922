// Recovery keys: made anew, and shown the one time that they can be seen, to print or copy.

import type { ReactNode } from 'react';
import { addTfa } from '../../../src/api/access/tfa.contract.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../button.tsx';
import { ContractForm } from '../contract-form.tsx';
import { CopyText } from '../copy-text.tsx';
import { Dialog } from '../dialog.tsx';
import { Printable } from '../printable.tsx';
import { Notice } from '../state.tsx';
import styles from './account.module.css';
import { useOwnPassword } from './own-password.ts';
import { words } from './texts.ts';
import { useUserChoice } from './user-choice.ts';

interface FormProps {
  userid: string | undefined;
  onMade(userid: string, keys: readonly string[]): void;
  onCancel(): void;
}

export function RecoveryForm({ userid, onMade, onCancel }: FormProps): ReactNode {
  const t = useTexts(words);
  const password = useOwnPassword('password');
  const user = useUserChoice(userid);
  return (
    <>
      <p>{t.recoveryText}</p>
      <ContractForm
        contract={addTfa}
        fixed={{ type: 'recovery', ...(userid === undefined ? {} : { userid }) }}
        fields={{ ...user, ...password }}
        submit={t.addRecovery}
        onDone={(made, sent) => onMade(String(sent['userid']), made.recovery ?? [])}
        onCancel={onCancel}
      />
    </>
  );
}

interface KeysProps {
  made: { userid: string; keys: readonly string[] } | undefined;
  onClose(): void;
}

export function RecoveryKeys({ made, onClose }: KeysProps): ReactNode {
  const t = useTexts(words);
  const title = made === undefined ? '' : t.recoveryTitle(made.userid);
  return (
    <Dialog
      title={title}
      isOpen={made !== undefined}
      isKept
      onClose={onClose}
      buttons={
        <>
          <Button onPress={() => window.print()}>{t.print}</Button>
          <Button kind="primary" onPress={onClose}>
            {t.close}
          </Button>
        </>
      }
    >
      {made !== undefined && (
        <>
          <Notice level="warn">{t.recoveryOnce}</Notice>
          <Printable title={`${title}, ${location.host}`}>
            <ol className={styles['keys']} start={0}>
              {made.keys.map((key) => (
                <li key={key}>{key}</li>
              ))}
            </ol>
          </Printable>
          <CopyText label={t.copyAll}>{made.keys.join('\n')}</CopyText>
        </>
      )}
    </Dialog>
  );
}
