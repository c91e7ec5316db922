// Several lines as people write them, kept in the form of the call: a field of a form.

import { type ReactNode, useState } from 'react';
import type { CustomField } from './contract-form.tsx';
import { TextInput } from './field.tsx';

interface Props {
  field: CustomField;
  /** What people see of what is stored; nothing is stored as nothing. */
  read(stored: string): string;
  write(text: string): string;
}

export function WrittenField(props: Props): ReactNode {
  const { schema: _schema, values: _values, value, onChange, ...field } = props.field;
  const [text, setText] = useState(() => (value === '' ? '' : props.read(value)));
  return (
    <TextInput
      {...field}
      isLong
      value={text}
      onChange={(next) => {
        setText(next);
        onChange(next === '' ? '' : props.write(next));
      }}
    />
  );
}
