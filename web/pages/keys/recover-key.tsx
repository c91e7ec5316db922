// Recovers a lost key with the private master key, from the sealed copy that each backup carries, as the client's
// `key import-with-master-key` does.

import { type ReactNode, useState } from 'react';
import { encryptedKeyName } from '../../../src/model/names.ts';
import { isBlob, openBlob } from '../../base/sealed/blob.ts';
import type { Bytes } from '../../base/sealed/bytes.ts';
import { type KeyFile, protectKeyFile } from '../../base/sealed/key.ts';
import { privateKeyKind, recoverKey } from '../../base/sealed/master-key.ts';
import { type SnapshotAddress, serverParts } from '../../base/sealed/server-parts.ts';
import { useTexts } from '../../base/texts.ts';
import { Select, TextInput } from '../../parts/field.tsx';
import { FileChooser } from '../../parts/file-chooser.tsx';
import { KeyTextInput } from '../../parts/key-input.tsx';
import { State } from '../../parts/state.tsx';
import { KeptKey, saveKeyFile } from './kept-key.tsx';
import { isChosen, nothingChosen, ProtectionFields, protectionOf } from './passphrase-fields.tsx';
import { SecretForm } from './secret-form.tsx';
import { SnapshotChoice } from './snapshot-choice.tsx';
import { words } from './texts.ts';

/** More than any sealed key has. */
const mostBytes = 64 * 1024;

export function RecoverKey({ onPrint }: { onPrint(text: string): void }): ReactNode {
  const t = useTexts(words);
  const [place, setPlace] = useState('snapshot');
  const [snapshot, setSnapshot] = useState<SnapshotAddress>();
  const [chosen, setChosen] = useState<{ name: string; bytes: Bytes }>();
  const [master, setMaster] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [protection, setProtection] = useState(nothingChosen);
  const [recovered, setRecovered] = useState<KeyFile>();
  const kind = privateKeyKind(master);
  const hasSource = place === 'snapshot' ? snapshot !== undefined : chosen !== undefined;
  const recover = async (): Promise<void> => {
    setRecovered(undefined);
    const raw = place === 'snapshot' ? await serverParts(snapshot!).file(encryptedKeyName) : chosen!.bytes;
    const sealed = isBlob(raw) ? await openBlob(raw, { what: encryptedKeyName, encrypted: false }) : raw;
    const plain = await recoverKey(master, passphrase, sealed);
    const file = await protectKeyFile(plain, protectionOf(protection), Date.now());
    setRecovered(file);
    setMaster('');
    setPassphrase('');
    setProtection(nothingChosen);
    saveKeyFile(file);
  };
  return (
    <>
      <p>{t.recoverWhy}</p>
      <SecretForm
        action={t.recover}
        working={t.recovering}
        isComplete={hasSource && kind !== undefined && (kind === 'plain' || passphrase !== '') && isChosen(protection)}
        run={recover}
      >
        <Select
          label={t.sealedCopy}
          choices={[
            { id: 'snapshot', label: t.fromSnapshot },
            { id: 'file', label: t.fromFile },
          ]}
          value={place}
          onChange={setPlace}
        />
        {place === 'snapshot' ? (
          <SnapshotChoice
            isOffered={({ files }) => files.some(({ filename }) => filename === encryptedKeyName)}
            none={t.noSealed}
            onChange={setSnapshot}
          />
        ) : (
          <>
            <FileChooser
              label={t.chooseSealed}
              onFile={(file) =>
                void file
                  .slice(0, mostBytes)
                  .arrayBuffer()
                  .then((bytes) => setChosen({ name: file.name, bytes: new Uint8Array(bytes) }))
              }
            />
            {chosen !== undefined && <State level="good">{chosen.name}</State>}
          </>
        )}
        <h3>{t.masterKey}</h3>
        <KeyTextInput
          choose={t.chooseMaster}
          text={master}
          problem={master.trim() === '' || kind !== undefined ? undefined : t.noMaster}
          onText={setMaster}
        />
        {kind === 'sealed' && (
          <TextInput label={t.masterPassphrase} type="password" value={passphrase} onChange={setPassphrase} />
        )}
        <h3>{t.recoveredKey}</h3>
        <ProtectionFields value={protection} onChange={setProtection} />
      </SecretForm>
      {recovered !== undefined && <KeptKey file={recovered} title={t.recovered} onPrint={onPrint} />}
    </>
  );
}
