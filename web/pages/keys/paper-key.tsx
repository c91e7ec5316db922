// A key file on paper, as the client's `key paperkey` prints it (formats.md 12): its text, and a QR code of it.

import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { qrMatrix, qrSvg } from '../../../src/crypto/qr-code.ts';
import { toBase64 } from '../../base/sealed/bytes.ts';
import { type KeyFile, writeKeyFile } from '../../base/sealed/key.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { TextInput } from '../../parts/field.tsx';
import { KeyFileInput, parsedKey } from '../../parts/key-input.tsx';
import styles from './keys.module.css';
import { words } from './texts.ts';

interface Props {
  /** The key file. */
  text: string;
  onText(text: string): void;
}

export function PaperKey({ text, onText }: Props): ReactNode {
  const t = useTexts(words);
  const [subject, setSubject] = useState('');
  const file = parsedKey(text);
  const place = useRef<HTMLDivElement>(null);
  // A key that was just made is shown here.
  useEffect(() => {
    if (text !== '') place.current?.scrollIntoView({ block: 'nearest' });
  }, [text]);
  return (
    <div ref={place} className={styles['form']}>
      <p>{t.paperWhy}</p>
      <KeyFileInput text={text} onText={onText} />
      {file !== undefined && (
        <>
          <TextInput label={t.subject} value={subject} onChange={setSubject} />
          <div>
            <Button icon="note" onPress={() => print()}>
              {t.print}
            </Button>
          </div>
          <div className={styles['sheet']}>
            <Sheet file={file} subject={subject} />
          </div>
          {createPortal(
            <div className={styles['printed']} aria-hidden="true">
              <Sheet file={file} subject={subject} />
            </div>,
            document.body,
          )}
        </>
      )}
    </div>
  );
}

function Sheet({ file, subject }: { file: KeyFile; subject: string }): ReactNode {
  const t = useTexts(words);
  const text = writeKeyFile(file, 2);
  const code = useMemo(() => toBase64(new TextEncoder().encode(qrSvg(qrMatrix(text)))), [text]);
  return (
    <>
      {subject !== '' && <p>Subject: {subject}</p>}
      <pre className={styles['text']}>
        {`-----BEGIN PROXMOX BACKUP KEY-----\n${text}\n-----END PROXMOX BACKUP KEY-----`}
      </pre>
      <img className={styles['code']} src={`data:image/svg+xml;base64,${code}`} alt={t.qr} />
    </>
  );
}
