// A few choices side by side, of which one holds: time frames, kinds of a view.

import type { ReactNode } from 'react';
import { Radio, RadioGroup } from 'react-aria-components/RadioGroup';
import styles from './segments.module.css';

interface Props {
  /** What is chosen, for screen readers. */
  label: string;
  choices: readonly { id: string; label: string }[];
  value: string;
  onChange(value: string): void;
}

export function Segments({ label, choices, value, onChange }: Props): ReactNode {
  return (
    <RadioGroup
      aria-label={label}
      orientation="horizontal"
      className={styles['segments']!}
      value={value}
      onChange={onChange}
    >
      {choices.map((choice) => (
        <Radio key={choice.id} value={choice.id} className={styles['segment']!}>
          {choice.label}
        </Radio>
      ))}
    </RadioGroup>
  );
}
