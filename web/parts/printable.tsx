// What stands on paper when the page is printed: only this, with a title of its own.

import type { ReactNode } from 'react';
import { createPortal } from 'react-dom';
import styles from './printable.module.css';

export function Printable({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return createPortal(
    <div className={styles['paper']} aria-hidden="true">
      <h1>{title}</h1>
      {children}
    </div>,
    document.body,
  );
}
