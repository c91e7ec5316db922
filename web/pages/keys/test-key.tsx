// Tries a key on a real snapshot: fingerprint, signature, and a chunk that is decrypted.

import { type ReactNode, useState } from 'react';
import { bytes } from '../../base/format.ts';
import type { Key } from '../../base/sealed/key.ts';
import { SealedSnapshot } from '../../base/sealed/sealed-snapshot.ts';
import { type SnapshotAddress, serverParts } from '../../base/sealed/server-parts.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { KeyInput } from '../../parts/key-input.tsx';
import { State } from '../../parts/state.tsx';
import styles from './keys.module.css';
import { SnapshotChoice } from './snapshot-choice.tsx';
import { words } from './texts.ts';

interface Outcome {
  fingerprint: string;
  name: string;
  bytes: number;
}

export function TestKey(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [snapshot, setSnapshot] = useState<SnapshotAddress>();
  const [outcome, setOutcome] = useState<Outcome>();
  return (
    <div className={styles['form']}>
      <p>{t.testWhy}</p>
      <SnapshotChoice
        isOffered={({ files }) => files.some((file) => file['crypt-mode'] === 'encrypt')}
        none={t.noSnapshots}
        onChange={(chosen) => {
          setSnapshot(chosen);
          setOutcome(undefined);
        }}
      />
      {snapshot !== undefined && (
        <KeyInput
          action={t.run}
          onKey={async (key) => {
            setOutcome(undefined);
            setOutcome(await tryKey(snapshot, key));
          }}
        />
      )}
      {outcome !== undefined && (
        <section className={styles['made']} aria-live="polite">
          <State level="good">{t.works}</State>
          <ul className={styles['facts']}>
            <li>{t.sameFingerprint(outcome.fingerprint)}</li>
            <li>{t.signature}</li>
            <li>{t.chunk(outcome.name, bytes(outcome.bytes, language))}</li>
          </ul>
        </section>
      )}
    </div>
  );
}

/** Opens the first chunk of an encrypted file, or a whole blob where there is no other. */
async function tryKey(address: SnapshotAddress, key: Key): Promise<Outcome> {
  const snapshot = await SealedSnapshot.open(serverParts(address), key);
  const encrypted = snapshot.files.filter((file) => file['crypt-mode'] === 'encrypt' && file.size > 0);
  const file = encrypted.find(({ filename }) => !filename.endsWith('.blob')) ?? encrypted[0];
  const name = file?.filename ?? '';
  if (name.endsWith('.blob')) {
    return { fingerprint: key.fingerprint, name, bytes: (await snapshot.blob(name)).byteLength };
  }
  const content = await snapshot.content(name);
  return { fingerprint: key.fingerprint, name, bytes: (await content.firstChunk()).byteLength };
}
