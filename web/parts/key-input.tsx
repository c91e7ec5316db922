// Gives the page an encryption key: a file or its text, and the passphrase where the key has one. All of it stays here.

import { type FormEvent, type ReactNode, useState } from 'react';
import { type Key, type KeyFile, openKeyFile, parseKeyFile } from '../base/sealed/key.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import { ErrorText, TextInput } from './field.tsx';
import { FileChooser } from './file-chooser.tsx';
import styles from './key-input.module.css';

const words = texts({
  en: {
    choose: 'Choose a key file',
    paste: 'Or paste its text',
    passphrase: 'Passphrase',
    hint: (hint: string) => `Hint: ${hint}`,
    open: 'Use this key',
    stays: 'The key stays in this browser window. It is never sent, and forgotten when you close or reload the page.',
    opening: 'Opening the key …',
  },
  de: {
    choose: 'Schlüsseldatei auswählen',
    paste: 'Oder ihren Text einfügen',
    passphrase: 'Passphrase',
    hint: (hint) => `Hinweis: ${hint}`,
    open: 'Diesen Schlüssel benutzen',
    stays:
      'Der Schlüssel bleibt in diesem Browserfenster. Er wird nie gesendet und ist vergessen, sobald Sie die Seite schließen oder neu laden.',
    opening: 'Der Schlüssel wird geöffnet …',
  },
});

interface Props {
  /** Uses the key; a failure is shown here. */
  onKey(key: Key, file: KeyFile): Promise<void>;
  /** Name of the button. */
  action?: string;
}

export function KeyInput({ onKey, action }: Props): ReactNode {
  const t = useTexts(words);
  const [text, setText] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [error, setError] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  const file = parsedKey(text);
  const use = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (file === undefined) return;
    setRunning(true);
    setError(undefined);
    try {
      await onKey(await openKeyFile(file, passphrase), file);
      setText('');
      setPassphrase('');
    } catch (cause) {
      setError((cause as Error).message);
    } finally {
      setRunning(false);
    }
  };
  return (
    <form className={styles['form']} onSubmit={(event) => void use(event)}>
      <p className="quiet">{t.stays}</p>
      <KeyFileInput
        text={text}
        onText={(changed) => {
          setText(changed);
          setError(undefined);
        }}
      />
      {file !== undefined && file.kdf !== null && (
        <TextInput
          label={t.passphrase}
          help={file.hint === undefined ? undefined : t.hint(file.hint)}
          type="password"
          value={passphrase}
          onChange={setPassphrase}
        />
      )}
      <ErrorText error={error} />
      {isRunning && <p className="quiet">{t.opening}</p>}
      <div>
        <Button
          type="submit"
          kind="primary"
          isDisabled={isRunning || file === undefined || (file.kdf !== null && passphrase === '')}
        >
          {action ?? t.open}
        </Button>
      </div>
    </form>
  );
}

/** Chooses or pastes the text of a key file, and says what is wrong with it. */
export function KeyFileInput({ text, onText }: { text: string; onText(text: string): void }): ReactNode {
  const t = useTexts(words);
  return <KeyTextInput choose={t.choose} text={text} problem={problemOf(text)} onText={onText} />;
}

interface KeyTextProps {
  /** Name of the button that chooses a file. */
  choose: string;
  text: string;
  problem: string | undefined;
  onText(text: string): void;
}

/** Chooses or pastes a key that is text. */
export function KeyTextInput({ choose, text, problem, onText }: KeyTextProps): ReactNode {
  const t = useTexts(words);
  return (
    <>
      <FileChooser
        label={choose}
        icon="key"
        // A key file has a few hundred bytes.
        onFile={(file) =>
          void file
            .slice(0, 64 * 1024)
            .text()
            .then(onText)
        }
      />
      <TextInput label={t.paste} value={text} onChange={onText} isLong error={problem} />
    </>
  );
}

/** The key file of a text, undefined where it is none. */
export function parsedKey(text: string): KeyFile | undefined {
  try {
    return text.trim() === '' ? undefined : parseKeyFile(text);
  } catch {
    return undefined;
  }
}

function problemOf(text: string): string | undefined {
  try {
    if (text.trim() !== '') parseKeyFile(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
