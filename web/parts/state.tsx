// How something is: a mark with a word, never a colour alone. And bars that show how full or how far.

import type { ReactNode } from 'react';
import { percent } from '../base/format.ts';
import { useSettings } from '../base/settings.ts';
import { Icon, type IconName } from './icon.tsx';
import styles from './state.module.css';

export type Level = 'good' | 'warn' | 'bad' | 'quiet' | 'busy';

/** The mark of each. */
export const stateIcons: Record<Level, IconName> = {
  good: 'check',
  warn: 'alert',
  bad: 'close',
  quiet: 'info',
  busy: 'refresh',
};

export function State({ level, children }: { level: Level; children: ReactNode }): ReactNode {
  return (
    <span className={`${styles['state']} ${styles[level]}`}>
      <Icon name={stateIcons[level]} size={14} />
      <span className={styles['text']}>{children}</span>
    </span>
  );
}

/** As `State`, for sentences. */
export function Notice({ level, children }: { level: Level; children: ReactNode }): ReactNode {
  return (
    <div className={`${styles['notice']} ${styles[level]}`}>
      <Icon name={stateIcons[level]} size={16} />
      <div>{children}</div>
    </div>
  );
}

interface MeterProps {
  label: string;
  /** Between 0 and 1. */
  share: number;
  level?: Level;
  /** Beside the bar; default is the percentage. */
  text?: string;
}

export function Meter({ label, share, level = 'good', text }: MeterProps): ReactNode {
  const { language } = useSettings();
  const shown = text ?? percent(share, language);
  return (
    <div className={styles['meter']}>
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={shown}
        className={styles['track']}
      >
        <div className={`${styles['fill']} ${styles[level]}`} style={{ width: `${Math.min(100, share * 100)}%` }} />
      </div>
      <span className="number">
        {(level === 'warn' || level === 'bad') && <Icon name="alert" size={14} />} {shown}
      </span>
    </div>
  );
}
