// Makes a key file as the client's `key create` does, and gives it to the browser to keep.

import { type FormEvent, type ReactNode, useState } from 'react';
import { saveBlob } from '../../base/save.ts';
import { createKeyFile, type KeyFile, writeKeyFile } from '../../base/sealed/key.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { ErrorText, Select, TextInput } from '../../parts/field.tsx';
import { Facts } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import styles from './keys.module.css';
import { words } from './texts.ts';

export function CreateKey({ onPrint }: { onPrint(text: string): void }): ReactNode {
  const t = useTexts(words);
  const [protection, setProtection] = useState('scrypt');
  const [passphrase, setPassphrase] = useState('');
  const [repeated, setRepeated] = useState('');
  const [hint, setHint] = useState('');
  const [made, setMade] = useState<KeyFile>();
  const [error, setError] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  const isProtected = protection === 'scrypt';
  const create = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setRunning(true);
    setError(undefined);
    try {
      const options = isProtected ? { passphrase, ...(hint === '' ? {} : { hint }) } : {};
      const file = await createKeyFile({ ...options, now: Date.now() });
      setMade(file);
      setPassphrase('');
      setRepeated('');
      save(file);
    } catch (cause) {
      setError((cause as Error).message);
    } finally {
      setRunning(false);
    }
  };
  return (
    <>
      <form className={styles['form']} onSubmit={(event) => void create(event)}>
        <Select
          label={t.protection}
          choices={[
            { id: 'scrypt', label: t.withPassphrase },
            { id: 'none', label: t.without },
          ]}
          value={protection}
          onChange={setProtection}
        />
        {isProtected && (
          <>
            <TextInput
              label={t.passphrase}
              help={t.passphraseHelp}
              type="password"
              value={passphrase}
              onChange={setPassphrase}
              autoComplete="new-password"
            />
            <TextInput
              label={t.repeat}
              type="password"
              value={repeated}
              onChange={setRepeated}
              autoComplete="new-password"
              error={repeated !== '' && repeated !== passphrase ? t.differs : undefined}
            />
            <TextInput label={t.hint} help={t.hintHelp} value={hint} onChange={setHint} />
          </>
        )}
        <ErrorText error={error} />
        {isRunning && <p className="quiet">{t.making}</p>}
        <div>
          <Button
            type="submit"
            kind="primary"
            icon="key"
            isDisabled={isRunning || (isProtected && (passphrase === '' || passphrase !== repeated))}
          >
            {t.make}
          </Button>
        </div>
      </form>
      {made !== undefined && (
        <section className={styles['made']} aria-live="polite">
          <State level="good">{t.made}</State>
          <p>{t.keep}</p>
          <Facts facts={[[t.fingerprint, <code key="print">{made.fingerprint}</code>]]} />
          <CopyText label={t.use}>{`proxmox-backup-client backup root.pxar:/ --keyfile ${fileName(made)}`}</CopyText>
          <div className={styles['buttons']}>
            <Button icon="download" onPress={() => save(made)}>
              {t.again}
            </Button>
            <Button icon="note" onPress={() => onPrint(writeKeyFile(made))}>
              {t.toPaper}
            </Button>
          </div>
        </section>
      )}
    </>
  );
}

/** Names the key by the first bytes of its fingerprint, so that two downloads are told apart. */
const fileName = ({ fingerprint }: KeyFile): string =>
  `encryption-key-${fingerprint!.slice(0, 11).replaceAll(':', '')}.json`;

function save(file: KeyFile): void {
  saveBlob(fileName(file), new Blob([writeKeyFile(file)], { type: 'application/json' }));
}
