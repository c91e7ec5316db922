// A key file that was just made or recovered: what to do with it.

import type { ReactNode } from 'react';
import { saveBlob } from '../../base/save.ts';
import { type KeyFile, writeKeyFile } from '../../base/sealed/key.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Facts } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import styles from './keys.module.css';
import { words } from './texts.ts';

interface Props {
  file: KeyFile;
  /** What has happened. */
  title: string;
  /** Puts the text of the key file on paper. */
  onPrint(text: string): void;
}

export function KeptKey({ file, title, onPrint }: Props): ReactNode {
  const t = useTexts(words);
  return (
    <section className={styles['made']} aria-live="polite">
      <State level="good">{title}</State>
      <p>{t.keep}</p>
      <Facts facts={[[t.fingerprint, <code key="print">{file.fingerprint}</code>]]} />
      <CopyText label={t.use}>{`proxmox-backup-client backup root.pxar:/ --keyfile ${fileName(file)}`}</CopyText>
      <div className={styles['buttons']}>
        <Button icon="download" onPress={() => saveKeyFile(file)}>
          {t.again}
        </Button>
        <Button icon="note" onPress={() => onPrint(writeKeyFile(file))}>
          {t.toPaper}
        </Button>
      </div>
    </section>
  );
}

/** Names the key by the first bytes of its fingerprint, so that two downloads are told apart. */
const fileName = ({ fingerprint }: KeyFile): string =>
  `encryption-key-${fingerprint!.slice(0, 11).replaceAll(':', '')}.json`;

export function saveKeyFile(file: KeyFile): void {
  saveBlob(fileName(file), new Blob([writeKeyFile(file)], { type: 'application/json' }));
}
