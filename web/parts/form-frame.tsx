// How a form stands in a dialog: fields one below the other, its buttons always in view.

import type { FormEvent, ReactNode } from 'react';
import styles from './contract-form.module.css';

export function FormFrame({
  onSubmit,
  children,
}: {
  onSubmit(event: FormEvent): void;
  children: ReactNode;
}): ReactNode {
  return (
    <form className={styles['form']} onSubmit={onSubmit}>
      {children}
    </form>
  );
}

export function FormButtons({ children }: { children: ReactNode }): ReactNode {
  return <div className={styles['buttons']}>{children}</div>;
}
