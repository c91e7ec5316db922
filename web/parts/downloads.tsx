// The downloads that run and those that have ended: bytes so far, and a button that cancels.

import type { ReactNode } from 'react';
import { bytes } from '../base/format.ts';
import { clearDownloads, type Download, useDownloads } from '../base/save.ts';
import { useSettings } from '../base/settings.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './downloads.module.css';
import { Card } from './page.tsx';
import { type Level, Meter, State } from './state.tsx';

const words = texts({
  en: {
    title: 'Downloads',
    clear: 'Clear list',
    cancel: (name: string) => `Cancel ${name}`,
    running: 'running',
    done: 'done',
    failed: 'failed',
    cancelled: 'cancelled',
    of: (received: string, size: string) => `${received} of ${size}`,
  },
  de: {
    title: 'Downloads',
    clear: 'Liste leeren',
    cancel: (name) => `${name} abbrechen`,
    running: 'läuft',
    done: 'fertig',
    failed: 'fehlgeschlagen',
    cancelled: 'abgebrochen',
    of: (received, size) => `${received} von ${size}`,
  },
});

const levels: Record<Download['state'], Level> = { running: 'busy', done: 'good', failed: 'bad', cancelled: 'quiet' };

/** Nothing where there has been no download. */
export function Downloads(): ReactNode {
  const t = useTexts(words);
  const downloads = useDownloads();
  if (downloads.length === 0) return null;
  return (
    <Card
      title={t.title}
      actions={
        downloads.some(({ state }) => state !== 'running') ? (
          <Button kind="plain" onPress={clearDownloads}>
            {t.clear}
          </Button>
        ) : undefined
      }
    >
      <ul className={styles['list']}>
        {downloads.map((one) => (
          <DownloadLine key={one.id} download={one} />
        ))}
      </ul>
    </Card>
  );
}

function DownloadLine({ download }: { download: Download }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { name, size, received, state, error, cancel } = download;
  const count = size === undefined ? bytes(received, language) : t.of(bytes(received, language), bytes(size, language));
  return (
    <li className={styles['line']}>
      <span className={styles['name']}>{name}</span>
      <State level={levels[state]}>{t[state]}</State>
      {state === 'running' && size !== undefined ? (
        <span className={styles['meter']}>
          <Meter label={name} share={size === 0 ? 1 : received / size} text={count} />
        </span>
      ) : (
        <span className="number">{count}</span>
      )}
      {state === 'running' && (
        <Button kind="plain" icon="close" iconOnly onPress={cancel}>
          {t.cancel(name)}
        </Button>
      )}
      {error !== undefined && (
        <span role="alert" className={styles['error']}>
          {error}
        </span>
      )}
    </li>
  );
}
