// The properties of an object that a parameter holds in one line (`gc=always,verify=error`), each as a field of its own.

import type { ReactNode } from 'react';
import {
  formatPropertyString,
  type PropertyObject,
  type PropertyStringFormat,
  parsePropertyString,
} from '../../src/config/property-string.ts';
import { texts, useTexts } from '../base/texts.ts';
import { CheckList } from './check-list.tsx';
import { type CustomField, choicesOf, type Shown } from './contract-form.tsx';
import { type Choice, type Choices, ErrorText, Select, TextInput, withChoices } from './field.tsx';
import styles from './property-fields.module.css';

const words = texts({
  en: { byDefault: 'Default', yes: 'Yes', no: 'No', each: 'Each on its own' },
  de: { byDefault: 'Vorgabe', yes: 'Ja', no: 'Nein', each: 'Jedes für sich' },
});

export interface PropertyHints {
  label: string;
  help?: string;
  /** Instead of all that the schema has. */
  choices?: Choices;
  /** The text is percent-encoded in the line. */
  isEncoded?: boolean;
  /** Means something only beside this property: neither shown nor kept without it. */
  needs?: string;
}

interface Props {
  field: CustomField;
  /** The properties that are shown, in their order. Others keep their values. */
  properties: Readonly<Record<string, PropertyHints>>;
  /** The name is the heading of a section. */
  isSection?: boolean;
  /** What a property without value is called; by default "Default". */
  absent?: string;
  /** Names of the texts that stand for all properties, where the format has such. */
  alternatives?: readonly Choice[];
}

export function PropertyFields({ field, properties, isSection, absent, alternatives }: Props): ReactNode {
  const format = field.schema.propertyString!;
  const t = useTexts(words);
  const whole = format.alternatives?.includes(field.value) ? field.value : '';
  const parsed = field.value === '' ? { value: {} } : parsePropertyString(format, field.value);
  const object: PropertyObject = parsed.value ?? {};
  const schemas = format.object.properties as Record<string, Shown>;
  const set = (name: string, text: string): void => {
    const { [name]: _, ...others } = object;
    const plain = properties[name]?.isEncoded ? encodeURIComponent(text) : text;
    const value = text === '' ? undefined : typed(schemas[name] ?? {}, plain);
    const next = Object.entries(value === undefined ? others : { ...others, [name]: value });
    const names = new Set(next.map(([key]) => key));
    const kept = next.filter(([key]) => names.has(properties[key]?.needs ?? key));
    field.onChange(write(format, Object.fromEntries(kept)));
  };
  return (
    <fieldset className={styles['properties']} disabled={field.isDisabled}>
      <legend className={isSection ? styles['section'] : ''}>{field.label}</legend>
      {field.help !== undefined && <p className={styles['help']}>{field.help}</p>}
      <div className={styles['fields']}>
        {alternatives !== undefined && (
          <Select
            label={field.label}
            choices={[{ id: '', label: t.each }, ...alternatives]}
            value={whole}
            onChange={field.onChange}
          />
        )}
        {whole === '' &&
          Object.entries(properties).map(([name, hints]) => {
            if (hints.needs !== undefined && object[hints.needs] === undefined) return null;
            const schema = schemas[name] ?? {};
            const stored = object[name] === undefined ? '' : String(object[name]);
            const value = hints.isEncoded ? percentDecoded(stored) : stored;
            const common = { label: hints.label, ...(hints.help === undefined ? {} : { help: hints.help }) };
            if (schema.type === 'array') {
              return (
                <CheckList
                  key={name}
                  {...common}
                  choices={hints.choices ?? choicesOf(schema.items ?? {}) ?? []}
                  value={value}
                  separator=","
                  onChange={(text) => set(name, text)}
                />
              );
            }
            const choices = hints.choices ?? choicesOf(schema) ?? yesNo(schema, t);
            if (choices === undefined) {
              const type = schema.type === 'integer' || schema.type === 'number' ? 'number' : 'text';
              return (
                <TextInput key={name} {...common} type={type} value={value} onChange={(text) => set(name, text)} />
              );
            }
            const all = withChoices(choices, (some) => [
              { id: '', label: absent ?? `(${t.byDefault})` },
              ...withChosen(some, value),
            ]);
            return <Select key={name} {...common} choices={all} value={value} onChange={(text) => set(name, text)} />;
          })}
      </div>
      <ErrorText error={field.error ?? parsed.problem} />
    </fieldset>
  );
}

/** Text that is not valid percent-encoding stands for itself. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A value that is no longer offered stays, until another is chosen. */
function withChosen(choices: readonly Choice[], value: string): readonly Choice[] {
  return value === '' || choices.some(({ id }) => id === value) ? choices : [...choices, { id: value, label: value }];
}

function yesNo(schema: Shown, t: { yes: string; no: string }): Choice[] | undefined {
  if (schema.type !== 'boolean') return undefined;
  return [
    { id: 'true', label: t.yes },
    { id: 'false', label: t.no },
  ];
}

function typed(schema: Shown, text: string): PropertyObject[string] {
  if (schema.type === 'boolean') return text === 'true';
  if (schema.type === 'array') return text.split(',');
  return schema.type === 'integer' || schema.type === 'number' ? Number(text) : text;
}

/** The line; what the format refuses is written all the same, and refused by the server in its words. */
function write(format: PropertyStringFormat, object: PropertyObject): string {
  try {
    return formatPropertyString(format, object);
  } catch {
    return Object.entries(object)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(',');
  }
}
