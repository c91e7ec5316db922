// Makes a master key as the client's `key create-master-key` does: two files, of which one is for all machines.

import { type ReactNode, useState } from 'react';
import { saveText } from '../../base/save-text.ts';
import { createMasterKey, type MasterKeyPair } from '../../base/sealed/master-key.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { State } from '../../parts/state.tsx';
import styles from './keys.module.css';
import { isTypedTwice, nothingTyped, PassphraseFields } from './passphrase-fields.tsx';
import { SecretForm } from './secret-form.tsx';
import { words } from './texts.ts';

export function CreateMasterKey(): ReactNode {
  const t = useTexts(words);
  const [typed, setTyped] = useState(nothingTyped);
  const [pair, setPair] = useState<MasterKeyPair>();
  return (
    <>
      <p>{t.masterWhy}</p>
      <SecretForm
        action={t.makeMaster}
        working={t.makingMaster}
        isComplete={isTypedTwice(typed)}
        run={async () => {
          setPair(await createMasterKey(typed.passphrase));
          setTyped(nothingTyped);
        }}
      >
        <PassphraseFields value={typed} onChange={setTyped} />
      </SecretForm>
      {pair !== undefined && (
        <section className={styles['made']} aria-live="polite">
          <State level="good">{t.madeMaster}</State>
          <p>{t.keepMaster}</p>
          <div className={styles['buttons']}>
            <Button icon="download" kind="primary" onPress={() => saveText('master-private.pem', pair.privatePem)}>
              {t.privateHalf}
            </Button>
            <Button icon="download" onPress={() => saveText('master-public.pem', pair.publicPem)}>
              {t.publicHalf}
            </Button>
          </div>
          <span className="quiet">{t.onClients}</span>
          <CopyText label={t.onClients}>proxmox-backup-client key import-master-pubkey master-public.pem</CopyText>
          <span className="quiet">{t.onHosts}</span>
          <CopyText label={t.onHosts}>pvesm set STORAGE --master-pubkey master-public.pem</CopyText>
        </section>
      )}
    </>
  );
}
