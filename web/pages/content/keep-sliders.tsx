// The keep options of a prune as sliders, each with a number field.

import { type ReactNode, useId } from 'react';
import { useTexts } from '../../base/texts.ts';
import { type KeepOptions, type KeepRule, keepRules, sliderEnds } from './keep-options.ts';
import styles from './prune.module.css';
import { words } from './prune-texts.ts';

interface Props {
  keep: KeepOptions;
  onChange(keep: KeepOptions): void;
}

export function KeepSliders({ keep, onChange }: Props): ReactNode {
  const t = useTexts(words);
  return (
    <fieldset className={styles['sliders']}>
      <legend>{t.keep}</legend>
      {keepRules.map((rule) => (
        <KeepSlider
          key={rule}
          rule={rule}
          label={t[rule]}
          count={keep[`keep-${rule}`] ?? 0}
          onChange={(count) => {
            const next = { ...keep };
            if (count > 0) next[`keep-${rule}`] = count;
            else delete next[`keep-${rule}`];
            onChange(next);
          }}
        />
      ))}
    </fieldset>
  );
}

interface SliderProps {
  rule: KeepRule;
  label: string;
  /** 0 is not set. */
  count: number;
  onChange(count: number): void;
}

function KeepSlider({ rule, label, count, onChange }: SliderProps): ReactNode {
  const id = useId();
  return (
    <div className={styles['slider']}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={0}
        max={sliderEnds[rule]}
        value={Math.min(count, sliderEnds[rule])}
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
