// A field of a form whose values are asked elsewhere: a choice once they are known, a text where they cannot be had.

import type { ReactNode } from 'react';
import type { CustomField } from './contract-form.tsx';
import { type Choice, Select, TextInput } from './field.tsx';

interface ChoiceInputProps {
  field: CustomField;
  /** Undefined while they are asked for. */
  choices: readonly Choice[] | undefined;
  /** Where they cannot be had the value is written. */
  isFree?: boolean;
}

/** A choice where the values are known, else a text. What is not among them stays until another is chosen. */
export function ChoiceInput({ field, choices = [], isFree }: ChoiceInputProps): ReactNode {
  const { label, help, error, isRequired, isDisabled, value, onChange } = field;
  const common = { label, help, error, isRequired, isDisabled, value, onChange };
  if (isFree) return <TextInput {...common} />;
  const isKnown = value === '' || choices.some(({ id }) => id === value);
  return <Select {...common} choices={isKnown ? choices : [...choices, { id: value, label: value }]} />;
}
