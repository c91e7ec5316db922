// Makes a key file as the client's `key create` does, and gives it to the browser to keep.

import { type ReactNode, useState } from 'react';
import { createKeyFile, type KeyFile } from '../../base/sealed/key.ts';
import { useTexts } from '../../base/texts.ts';
import { KeptKey, saveKeyFile } from './kept-key.tsx';
import { isChosen, nothingChosen, ProtectionFields, protectionOf } from './passphrase-fields.tsx';
import { SecretForm } from './secret-form.tsx';
import { words } from './texts.ts';

export function CreateKey({ onPrint }: { onPrint(text: string): void }): ReactNode {
  const t = useTexts(words);
  const [protection, setProtection] = useState(nothingChosen);
  const [made, setMade] = useState<KeyFile>();
  const create = async (): Promise<void> => {
    const file = await createKeyFile({ ...protectionOf(protection), now: Date.now() });
    setMade(file);
    setProtection({ ...protection, passphrase: '', repeated: '' });
    saveKeyFile(file);
  };
  return (
    <>
      <SecretForm action={t.make} working={t.making} isComplete={isChosen(protection)} run={create}>
        <ProtectionFields value={protection} onChange={setProtection} />
      </SecretForm>
      {made !== undefined && <KeptKey file={made} title={t.made} onPrint={onPrint} />}
    </>
  );
}
