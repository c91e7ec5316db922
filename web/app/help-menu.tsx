// Help from the bar: the keys of tables and logs, the description of the API, and which version this is.

import { type ReactNode, useState } from 'react';
import { version } from '../../src/api/ping.contract.ts';
import { useCall } from '../base/live.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from '../parts/button.tsx';
import { Dialog } from '../parts/dialog.tsx';
import styles from './help-menu.module.css';

const words = texts({
  en: {
    title: 'Help',
    keys: 'Keys',
    move: 'Move in tables, trees and logs',
    jump: 'To the first, to the last row',
    page: 'A page up, a page down',
    fold: 'Close, open a part of a tree',
    open: 'Open the row',
    select: 'Select the row',
    leave: 'Close a dialog',
    learn: 'Further',
    viewer: 'Description of the API, call by call',
    viewerAddress: '/docs/api-viewer',
    openapi: 'The same for programs (OpenAPI)',
    version: 'Version',
  },
  de: {
    title: 'Hilfe',
    keys: 'Tasten',
    move: 'In Tabellen, Bäumen und Protokollen bewegen',
    jump: 'Zur ersten, zur letzten Zeile',
    page: 'Eine Seite nach oben, nach unten',
    fold: 'Teil eines Baums schließen, öffnen',
    open: 'Zeile öffnen',
    select: 'Zeile auswählen',
    leave: 'Dialog schließen',
    learn: 'Weiteres',
    viewer: 'Beschreibung der API, Aufruf für Aufruf',
    viewerAddress: '/docs/api-viewer/de',
    openapi: 'Dasselbe für Programme (OpenAPI)',
    version: 'Version',
  },
});

const keys = [
  [['↑', '↓'], 'move'],
  [['Home', 'End'], 'jump'],
  [['PageUp', 'PageDown'], 'page'],
  [['←', '→'], 'fold'],
  [['Enter'], 'open'],
  [['Space'], 'select'],
  [['Esc'], 'leave'],
] as const;

export function HelpMenu(): ReactNode {
  const t = useTexts(words);
  const [isOpen, setOpen] = useState(false);
  const { data } = useCall(version, {}, { every: false, enabled: isOpen });
  return (
    <>
      <Button kind="plain" icon="help" iconOnly onPress={() => setOpen(true)}>
        {t.title}
      </Button>
      <Dialog title={t.title} isOpen={isOpen} onClose={() => setOpen(false)}>
        <h3>{t.keys}</h3>
        <dl className={styles['keys']}>
          {keys.map(([names, what]) => (
            <div key={what}>
              <dt>
                {names.map((name) => (
                  <kbd key={name}>{name}</kbd>
                ))}
              </dt>
              <dd>{t[what]}</dd>
            </div>
          ))}
        </dl>
        <h3>{t.learn}</h3>
        <ul className={styles['links']}>
          <li>
            <a href={t.viewerAddress} target="_blank" rel="noreferrer">
              {t.viewer}
            </a>
          </li>
          <li>
            <a href="/api2/openapi.json" target="_blank" rel="noreferrer">
              {t.openapi}
            </a>
          </li>
        </ul>
        <p className="quiet">
          {t.version} {data === undefined ? '…' : `${data.version}.${data.release}`}
        </p>
      </Dialog>
    </>
  );
}
