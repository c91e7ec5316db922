// A new passphrase, typed twice; and how a key file is protected: with one and a hint, or not at all.

import type { ReactNode } from 'react';
import type { Protection } from '../../base/sealed/key.ts';
import { useTexts } from '../../base/texts.ts';
import { Select, TextInput } from '../../parts/field.tsx';
import { words } from './texts.ts';

export interface TypedTwice {
  passphrase: string;
  repeated: string;
}
export const nothingTyped: TypedTwice = { passphrase: '', repeated: '' };
export const isTypedTwice = ({ passphrase, repeated }: TypedTwice): boolean =>
  passphrase !== '' && passphrase === repeated;

interface PassphraseProps<T extends TypedTwice> {
  value: T;
  onChange(value: T): void;
}

export function PassphraseFields<T extends TypedTwice>({ value, onChange }: PassphraseProps<T>): ReactNode {
  const t = useTexts(words);
  const { passphrase, repeated } = value;
  return (
    <>
      <TextInput
        label={t.passphrase}
        help={t.passphraseHelp}
        type="password"
        value={passphrase}
        onChange={(text) => onChange({ ...value, passphrase: text })}
        autoComplete="new-password"
      />
      <TextInput
        label={t.repeat}
        type="password"
        value={repeated}
        onChange={(text) => onChange({ ...value, repeated: text })}
        autoComplete="new-password"
        error={repeated !== '' && repeated !== passphrase ? t.differs : undefined}
      />
    </>
  );
}

export interface ChosenProtection extends TypedTwice {
  isProtected: boolean;
  hint: string;
}
export const nothingChosen: ChosenProtection = { ...nothingTyped, isProtected: true, hint: '' };
export const isChosen = (value: ChosenProtection): boolean => !value.isProtected || isTypedTwice(value);

export function protectionOf({ isProtected, passphrase, hint }: ChosenProtection): Protection {
  return isProtected ? { passphrase, ...(hint === '' ? {} : { hint }) } : {};
}

export function ProtectionFields({ value, onChange }: PassphraseProps<ChosenProtection>): ReactNode {
  const t = useTexts(words);
  return (
    <>
      <Select
        label={t.protection}
        choices={[
          { id: 'scrypt', label: t.withPassphrase },
          { id: 'none', label: t.without },
        ]}
        value={value.isProtected ? 'scrypt' : 'none'}
        onChange={(id) => onChange({ ...value, isProtected: id === 'scrypt' })}
      />
      {value.isProtected && (
        <>
          <PassphraseFields value={value} onChange={onChange} />
          <TextInput
            label={t.hint}
            help={t.hintHelp}
            value={value.hint}
            onChange={(hint) => onChange({ ...value, hint })}
          />
        </>
      )}
    </>
  );
}
