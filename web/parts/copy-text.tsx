// A command or secret to copy, as it has to be pasted.

import { type ReactNode, useState } from 'react';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './copy-text.module.css';

const words = texts({
  en: { copy: 'Copy', copied: 'Copied' },
  de: { copy: 'Kopieren', copied: 'Kopiert' },
});

export function CopyText({ label, children }: { label: string; children: string }): ReactNode {
  const t = useTexts(words);
  const [copied, setCopied] = useState('');
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(children);
    setCopied(children);
  };
  return (
    <div className={styles['frame']}>
      <pre className={styles['text']}>
        <code aria-label={label}>{children}</code>
      </pre>
      <Button kind="plain" icon={copied === children ? 'check' : 'copy'} iconOnly onPress={() => void copy()}>
        {copied === children ? t.copied : t.copy}
      </Button>
    </div>
  );
}
