// The frame of every page: its title, what can be done on it, and cards that its parts stand in.

import { type ReactNode, useEffect } from 'react';
import styles from './page.module.css';

interface PageProps {
  title: string;
  /** Buttons at the right of the title. */
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, actions, children }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} – Granary`;
  }, [title]);
  return (
    <div className={styles['page']}>
      <header className={styles['head']}>
        <h1>{title}</h1>
        {actions !== undefined && <div className={styles['actions']}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface CardProps {
  title?: string;
  actions?: ReactNode;
  children: ReactNode;
}

export function Card({ title, actions, children }: CardProps): ReactNode {
  return (
    <section className={styles['card']}>
      {title !== undefined && (
        <div className={styles['head']}>
          <h2>{title}</h2>
          {actions !== undefined && <div className={styles['actions']}>{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** Cards side by side where there is room. */
export function Cards({ children }: { children: ReactNode }): ReactNode {
  return <div className={styles['cards']}>{children}</div>;
}

interface FactsProps {
  facts: readonly (readonly [string, ReactNode])[];
  /** In columns where there is room. */
  isWide?: boolean;
}

/** Names and values. */
export function Facts({ facts, isWide }: FactsProps): ReactNode {
  return (
    <dl className={`${styles['facts']} ${isWide ? styles['wide'] : ''}`}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A bar above a table: filters and buttons. */
export function Bar({ children }: { children: ReactNode }): ReactNode {
  return <div className={styles['bar']}>{children}</div>;
}
