// A field of a form whose values are asked elsewhere: a choice once they are known, a text where they cannot be had.

import type { ReactNode } from 'react';
import type { CustomField } from './contract-form.tsx';
import { type Choices, knownChoices, Retry, Select, TextInput, withChoices } from './field.tsx';

interface ChoiceInputProps {
  field: CustomField;
  /** Where they are asked for and cannot be had the value is written. */
  choices: Choices;
}

/** A choice where the values are known, else a text. What is not among them stays until another is chosen. */
export function ChoiceInput({ field, choices }: ChoiceInputProps): ReactNode {
  const { label, help, error, isRequired, isDisabled, value, onChange } = field;
  const common = { label, help, error, isRequired, isDisabled, value, onChange };
  if ('error' in choices && choices.error !== undefined) {
    return (
      <>
        <TextInput {...common} />
        <Retry error={choices.error} onRetry={choices.retry} />
      </>
    );
  }
  const isKnown = value === '' || (knownChoices(choices) ?? []).some(({ id }) => id === value);
  const all = isKnown ? choices : withChoices(choices, (known) => [...known, { id: value, label: value }]);
  return <Select {...common} choices={all} />;
}
