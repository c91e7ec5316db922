// The keep options of a prune as sliders, each with a number field.

import { type ReactNode, useId } from 'react';
import { useTexts } from '../../base/texts.ts';
import { type KeepName, useKeepNames } from '../../parts/keep-fields.ts';
import { type KeepOptions, sliderEnds } from './keep-options.ts';
import styles from './prune.module.css';
import { words } from './prune-texts.ts';

interface Props {
  keep: KeepOptions;
  onChange(keep: KeepOptions): void;
}

export function KeepSliders({ keep, onChange }: Props): ReactNode {
  const t = useTexts(words);
  const names = useKeepNames();
  return (
    <fieldset className={styles['sliders']}>
      <legend>{t.keep}</legend>
      {names.map(([name, label]) => (
        <KeepSlider
          key={name}
          name={name}
          label={label}
          count={keep[name] ?? 0}
          onChange={(count) => {
            const next = { ...keep };
            if (count > 0) next[name] = count;
            else delete next[name];
            onChange(next);
          }}
        />
      ))}
    </fieldset>
  );
}

interface SliderProps {
  name: KeepName;
  label: string;
  /** 0 is not set. */
  count: number;
  onChange(count: number): void;
}

function KeepSlider({ name, label, count, onChange }: SliderProps): ReactNode {
  const id = useId();
  return (
    <div className={styles['slider']}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={0}
        max={sliderEnds[name]}
        value={Math.min(count, sliderEnds[name])}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
      <input
        type="number"
        aria-label={label}
        min={0}
        value={count}
        onChange={(event) => onChange(Number.isInteger(event.target.valueAsNumber) ? event.target.valueAsNumber : 0)}
      />
    </div>
  );
}
