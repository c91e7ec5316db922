// What narrows a list down, above it. On a narrow screen the fields are behind a button that tells how many are set.

import { type ReactNode, useState } from 'react';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './filters.module.css';

const words = texts({
  en: { filters: 'Filters', set: (count: number) => `Filters (${count})`, clear: 'Clear filters' },
  de: { filters: 'Filter', set: (count) => `Filter (${count})`, clear: 'Filter zurücksetzen' },
});

interface Props {
  /** How many of them are set. */
  count: number;
  onClear(): void;
  children: ReactNode;
}

export function Filters({ count, onClear, children }: Props): ReactNode {
  const t = useTexts(words);
  const [isOpen, setOpen] = useState(false);
  return (
    <search className={styles['filters']}>
      <span className={styles['opener']}>
        <Button icon="filter" aria-expanded={isOpen} onPress={() => setOpen(!isOpen)}>
          {count === 0 ? t.filters : t.set(count)}
        </Button>
      </span>
      <div className={`${styles['fields']} ${isOpen ? styles['open'] : ''}`}>
        {children}
        {count > 0 && (
          <Button kind="plain" icon="close" onPress={onClear}>
            {t.clear}
          </Button>
        )}
      </div>
    </search>
  );
}
