// The day on which an account ends, as a field of a form; none is never.

import type { ReactNode } from 'react';
import type { CustomField } from './contract-form.tsx';
import { TextInput } from './field.tsx';

/** For `input` of an `expire` field: a day of the browser's time zone, kept as epoch seconds, 0 for never. */
export function expiryField({ value, onChange, schema: _schema, values: _values, ...rest }: CustomField): ReactNode {
  const seconds = Number(value);
  return (
    <TextInput
      {...rest}
      type="date"
      value={seconds > 0 ? dayOf(seconds) : ''}
      onChange={(day) => onChange(day === '' ? '0' : String(new Date(`${day}T00:00:00`).getTime() / 1000))}
    />
  );
}

function dayOf(seconds: number): string {
  const at = new Date(seconds * 1000);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
