// Several of a few: a checkbox each, kept as one text.

import type { ReactNode } from 'react';
import { Checkbox, type Choices, ErrorText, knownChoices, Pending } from './field.tsx';
import styles from './property-fields.module.css';

interface Props {
  label: string;
  help?: string | undefined;
  error?: string | undefined;
  choices: Choices;
  /** Ids, with `separator` between them. */
  value: string;
  separator: string;
  onChange(value: string): void;
}

export function CheckList({ label, help, error, choices, value, separator, onChange }: Props): ReactNode {
  const chosen = value.split(/[\s,;]+/).filter((one) => one !== '');
  const offered = knownChoices(choices) ?? [];
  const known = [
    ...offered,
    ...chosen.filter((id) => !offered.some((one) => one.id === id)).map((id) => ({ id, label: id })),
  ];
  const set = (id: string, isChosen: boolean): void =>
    onChange(
      known
        .map((one) => one.id)
        .filter((one) => (one === id ? isChosen : chosen.includes(one)))
        .join(separator),
    );
  return (
    <fieldset className={styles['properties']}>
      <legend>{label}</legend>
      {help !== undefined && <p className={styles['help']}>{help}</p>}
      <div className={styles['fields']}>
        {known.map((one) => (
          <Checkbox
            key={one.id}
            label={one.label}
            value={chosen.includes(one.id)}
            onChange={(isChosen) => set(one.id, isChosen)}
          />
        ))}
      </div>
      <Pending choices={choices} />
      <ErrorText error={error} />
    </fieldset>
  );
}
