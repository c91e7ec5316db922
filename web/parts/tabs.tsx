// Tabs that are links: each part of a page has its own address.

import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import styles from './tabs.module.css';

export interface Tab {
  to: string;
  label: string;
}

interface Props {
  /** What the tabs are parts of, for screen readers. */
  label: string;
  tabs: readonly Tab[];
  /** Address of the tab that is shown. */
  current: string;
}

export function Tabs({ label, tabs, current }: Props): ReactNode {
  const here = useRef<HTMLLIElement>(null);
  // On a narrow screen the row scrolls: what is shown has to be in view.
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the address
  useEffect(() => {
    // Without braces its answer would be taken for what undoes the effect.
    here.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  return (
    <nav aria-label={label} className={styles['tabs']}>
      <ul>
        {tabs.map(({ to, label: text }) => (
          <li key={to} ref={to === current ? here : undefined}>
            <Link
              href={to}
              className={`${styles['tab']} ${to === current ? styles['here'] : ''}`}
              aria-current={to === current ? 'page' : undefined}
            >
              {text}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
