// Tabs that are links: each part of a page has its own address.

import type { ReactNode } from 'react';
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

/** On a narrow screen the row scrolls: the tab that becomes the current one has to be in view. */
function reveal(tab: HTMLLIElement | null): void {
  tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

export function Tabs({ label, tabs, current }: Props): ReactNode {
  return (
    <nav aria-label={label} className={styles['tabs']}>
      <ul>
        {tabs.map(({ to, label: text }) => (
          <li key={to} ref={to === current ? reveal : undefined}>
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
