// Adds a security key: the server asks, the browser lets the key answer, the server keeps what it said.

import { startRegistration } from '@simplewebauthn/browser';
import { type FormEvent, type ReactNode, useState } from 'react';
import { addTfa } from '../../../src/api/access/tfa.contract.ts';
import { useChange } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../button.tsx';
import { ErrorText, Select, TextInput } from '../field.tsx';
import { FormButtons, FormFrame } from '../form-frame.tsx';
import type { FormEnds } from '../object-list.tsx';
import { Notice } from '../state.tsx';
import { useNeedsPassword } from './own-password.ts';
import { words } from './texts.ts';
import { useUserChoice } from './user-choice.ts';

interface Props extends FormEnds {
  userid: string | undefined;
  /** Whether the server knows how it presents itself to keys. */
  isKnown: boolean;
}

type Registration = Parameters<typeof startRegistration>[0]['optionsJSON'];

export function AddKeyForm({ userid, isKnown, onDone, onCancel }: Props): ReactNode {
  const t = useTexts(words);
  const add = useChange(addTfa);
  const choices = useUserChoice(userid)['userid']?.choices;
  const needsPassword = useNeedsPassword();
  const [user, setUser] = useState(userid ?? '');
  const [description, setDescription] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<Error>();
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (add.isRunning) return;
    setError(undefined);
    const common = { userid: user, type: 'webauthn', ...(needsPassword ? { password } : {}) } as const;
    try {
      const asked = await add.run({ ...common, description });
      const { publicKey } = JSON.parse(asked.challenge!) as { publicKey: Registration };
      const answer = await startRegistration({ optionsJSON: publicKey });
      await add.run({ ...common, challenge: publicKey.challenge, value: JSON.stringify(answer) });
      onDone();
    } catch (cause) {
      // What the browser itself says is in no language of ours.
      setError((cause as Error).name === 'NotAllowedError' ? new Error(t.keyRefused) : (cause as Error));
    }
  };
  const missing = user === '' || description === '' || (needsPassword && password === '');
  return (
    <FormFrame onSubmit={(event) => void send(event)}>
      {isKnown ? <p>{t.keyText}</p> : <Notice level="warn">{t.keyUnusable}</Notice>}
      {choices !== undefined && <Select label={t.user} isRequired choices={choices} value={user} onChange={setUser} />}
      <TextInput
        label={t.description}
        help={t.descriptionHelp}
        isRequired
        value={description}
        onChange={setDescription}
        autoFocus
      />
      {needsPassword && (
        <TextInput
          label={t.ownPassword}
          help={t.ownPasswordHelp}
          type="password"
          isRequired
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
        />
      )}
      <ErrorText error={error} />
      <FormButtons>
        <Button onPress={onCancel}>{t.cancel}</Button>
        <Button type="submit" kind="primary" isDisabled={missing || !isKnown}>
          {t.addKey}
        </Button>
      </FormButtons>
    </FormFrame>
  );
}
