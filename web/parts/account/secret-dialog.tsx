// The secret of a token, the one time that it is shown. Only its button closes it.

import type { ReactNode } from 'react';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../button.tsx';
import { CopyText } from '../copy-text.tsx';
import { Dialog } from '../dialog.tsx';
import { Notice } from '../state.tsx';
import styles from './account.module.css';
import { words } from './texts.ts';

export interface Secret {
  tokenid: string;
  value: string;
}

export function SecretDialog({ secret, onClose }: { secret: Secret | undefined; onClose(): void }): ReactNode {
  const t = useTexts(words);
  return (
    <Dialog
      title={secret === undefined ? '' : t.secretTitle(secret.tokenid)}
      isOpen={secret !== undefined}
      isKept
      onClose={onClose}
      buttons={
        <Button kind="primary" onPress={onClose}>
          {t.close}
        </Button>
      }
    >
      {secret !== undefined && (
        <>
          <Notice level="warn">{t.secretOnce}</Notice>
          <div className={styles['named']}>
            {t.tokenId}
            <CopyText label={t.tokenId}>{secret.tokenid}</CopyText>
          </div>
          <div className={styles['named']}>
            {t.secret}
            <CopyText label={t.secret}>{secret.value}</CopyText>
          </div>
          <p className="quiet">{t.separation}</p>
        </>
      )}
    </Dialog>
  );
}
