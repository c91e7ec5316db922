// A form made from an endpoint's contract: kinds of fields, help and limits are those of its parameters, and what the
// server refuses is shown at the field that it names.

import { type FormEvent, Fragment, type ReactNode, useEffect, useState } from 'react';
import type { PropertyStringFormat } from '../../src/config/property-string.ts';
import type { EndpointContract, Parameters, Result } from '../../src/model/endpoint.ts';
import type { TObject, TSchema } from '../../src/model/type.ts';
import { ApiError } from '../base/api.ts';
import { useDescriptions } from '../base/descriptions.ts';
import { useChange } from '../base/live.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './contract-form.module.css';
import {
  Checkbox,
  type Choice,
  type Choices,
  ErrorText,
  knownChoices,
  Select,
  TextInput,
  withChoices,
} from './field.tsx';

const words = texts({
  en: {
    cancel: 'Cancel',
    save: 'Save',
    byDefault: (value: string) => `Default: ${value}`,
    none: 'none',
    theDefault: (label: string) => `default: ${label}`,
    more: 'More options',
    differs: 'The two are not the same.',
  },
  de: {
    cancel: 'Abbrechen',
    save: 'Speichern',
    byDefault: (value) => `Vorgabe: ${value}`,
    none: 'keine',
    theDefault: (label) => `Vorgabe: ${label}`,
    more: 'Weitere Optionen',
    differs: 'Die beiden Eingaben sind nicht gleich.',
  },
});

/** What is known of a field besides its schema. */
export interface FieldHints {
  label: string;
  /** Instead of the schema's description; an empty text for none. */
  help?: string;
  /** Values to choose from; those of an enumeration are known from the schema. */
  choices?: Choices;
  /** A field of its own making: a schedule, a list of rules. */
  input?(field: CustomField): ReactNode;
  isLong?: boolean;
  /** Of the input; by default what fits the schema, and hidden for secrets. */
  type?: 'text' | 'password' | 'email' | 'url';
  /** Before the field: what has to be known to fill it in. */
  above?: ReactNode;
  /** Must be given although the call does not need it. */
  isRequired?: boolean;
  /** Shown, not changed. */
  isFixed?: boolean;
  /** What the server takes where nothing is given, if the schema does not tell. */
  byDefault?: string | number | boolean;
  /** Shares a row with others that are short. */
  isShort?: boolean;
  /** Folded away with others of its kind, until it has a value. */
  isMore?: boolean;
  /** A heading before this field. */
  section?: string;
  /** Label of a second field that has to say the same: for new passwords. */
  repeated?: string;
  /** Neither shown nor sent while false. */
  isShown?(values: Values): boolean;
}

export interface CustomField {
  label: string;
  help: string | undefined;
  error: string | undefined;
  value: string;
  isRequired: boolean;
  isDisabled: boolean;
  /** Of the parameter. */
  schema: Shown;
  /** What all fields hold. */
  values: Values;
  onChange(value: string): void;
}

interface Props<P extends TObject, R extends TSchema> {
  contract: EndpointContract<P, R>;
  /** The fields that are shown, in their order, by parameter name. */
  fields: Readonly<Record<string, FieldHints>>;
  /** Values at the beginning: those of the object that is edited. */
  initial?: Readonly<Record<string, unknown>>;
  /** Sent along without being shown. */
  fixed?: Readonly<Record<string, unknown>>;
  /** Name of the button: a verb. */
  submit?: string;
  /** Whether it takes something away. */
  isDangerous?: boolean;
  /** Told what the call answered, and what it was called with. */
  onDone(result: Result<EndpointContract<P, R>>, sent: Readonly<Record<string, unknown>>): void;
  onCancel?(): void;
}

/** The parts of a JSON schema that a form looks at. */
export interface Shown {
  type?: string;
  description?: string;
  default?: unknown;
  writeOnly?: boolean;
  anyOf?: { const?: unknown }[];
  minimum?: number;
  maximum?: number;
  items?: Shown;
  propertyString?: PropertyStringFormat;
}

/** What the fields hold, by parameter name: numbers as text, lists with one item a line. */
export type Values = Readonly<Record<string, string | boolean>>;

export function ContractForm<P extends TObject, R extends TSchema>(props: Props<P, R>): ReactNode {
  const { contract, fields, initial = {}, fixed = {}, submit, isDangerous, onDone, onCancel } = props;
  const t = useTexts(words);
  const change = useChange(contract);
  const properties = withDefaults(contract.parameters.properties as Record<string, Shown>, fields);
  const required = new Set((contract.parameters as { required?: string[] }).required ?? []);
  const [values, setValues] = useState<Values>(() =>
    Object.fromEntries(Object.keys(fields).map((name) => [name, asInput(properties[name] ?? {}, initial[name])])),
  );
  const [repeats, setRepeats] = useState<Readonly<Record<string, string>>>({});
  const shown = Object.entries(fields).filter(([, hints]) => hints.isShown?.(values) ?? true);
  const errors = change.error instanceof ApiError ? change.error.fields : {};
  const unshown = change.error !== undefined && !Object.keys(errors).some((name) => shown.some(([id]) => id === name));
  const isMandatory = (name: string): boolean => required.has(name) || fields[name]?.isRequired === true;
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    // The button is not disabled meanwhile: it would lose the focus, and the dialog its keys.
    if (change.isRunning) return;
    const sent = Object.fromEntries(shown.map(([name]) => [name, values[name]!]));
    const parameters = { ...fixed, ...asParameters(properties, sent, initial) };
    const result = await change.run(parameters as Parameters<EndpointContract<P, R>>).catch(() => failed);
    if (result !== failed) onDone(result as Result<EndpointContract<P, R>>, parameters);
  };
  const missing = shown.some(
    ([name, { repeated }]) =>
      (isMandatory(name) && values[name] === '') || (repeated !== undefined && (repeats[name] ?? '') !== values[name]),
  );
  const field = ([name, hints]: [string, FieldHints]): ReactNode => (
    <Fragment key={name}>
      {hints.section !== undefined && <h3 className={styles['section']}>{hints.section}</h3>}
      {hints.above !== undefined && <div className={styles['above']}>{hints.above}</div>}
      <div className={hints.isShort ? styles['short'] : styles['field']}>
        <Field
          name={name}
          hints={hints}
          schema={properties[name] ?? {}}
          isRequired={isMandatory(name)}
          values={values}
          error={errors[name]}
          onChange={(value) => setValues((old) => ({ ...old, [name]: value }))}
        />
      </div>
      {hints.repeated !== undefined && (
        <div className={styles['field']}>
          <TextInput
            label={hints.repeated}
            type="password"
            isRequired={isMandatory(name)}
            autoComplete="new-password"
            value={repeats[name] ?? ''}
            error={repeats[name] && repeats[name] !== values[name] ? t.differs : undefined}
            onChange={(value) => setRepeats((old) => ({ ...old, [name]: value }))}
          />
        </div>
      )}
    </Fragment>
  );
  const more = shown.filter(([, hints]) => hints.isMore);
  return (
    <form className={styles['form']} onSubmit={(event) => void send(event)}>
      <div className={styles['fields']}>{shown.filter(([, hints]) => !hints.isMore).map(field)}</div>
      {more.length > 0 && (
        <More isNeeded={more.some(([name]) => initial[name] !== undefined || errors[name] !== undefined)}>
          <div className={styles['fields']}>{more.map(field)}</div>
        </More>
      )}
      {unshown && <ErrorText error={change.error} />}
      <div className={styles['buttons']}>
        {onCancel !== undefined && <Button onPress={onCancel}>{t.cancel}</Button>}
        <Button type="submit" kind={isDangerous ? 'danger' : 'primary'} isDisabled={missing}>
          {submit ?? t.save}
        </Button>
      </div>
    </form>
  );
}

/** Fields that few need; open from the beginning where one has a value, and when one is wrong. */
function More({ isNeeded, children }: { isNeeded: boolean; children: ReactNode }): ReactNode {
  const t = useTexts(words);
  const [isOpen, setOpen] = useState(isNeeded);
  useEffect(() => {
    if (isNeeded) setOpen(true);
  }, [isNeeded]);
  return (
    <details className={styles['more']} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t.more}</summary>
      {children}
    </details>
  );
}

function withDefaults(
  properties: Readonly<Record<string, Shown>>,
  fields: Readonly<Record<string, FieldHints>>,
): Record<string, Shown> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const byDefault = fields[name]?.byDefault;
      return [name, byDefault === undefined ? schema : { ...schema, default: byDefault }];
    }),
  );
}

const failed = Symbol('failed');

interface FieldProps {
  name: string;
  hints: FieldHints;
  schema: Shown;
  isRequired: boolean;
  values: Values;
  error: string | undefined;
  onChange(value: string | boolean): void;
}

function Field({ name, hints, schema, isRequired, values, error, onChange }: FieldProps): ReactNode {
  const t = useTexts(words);
  const value = values[name]!;
  const choices = hints.choices ?? choicesOf(schema);
  const known = choices && knownChoices(choices);
  const standard = known?.find(({ id }) => id === schema.default)?.label;
  const isTold = schema.default === undefined || typeof value === 'boolean' || standard !== undefined;
  const byDefault = isTold ? undefined : t.byDefault(String(schema.default));
  const description = useDescriptions()(schema.description);
  const described = description?.replace(/\.$/, '') === hints.label ? undefined : description;
  const help = [hints.help ?? described, byDefault].filter(Boolean).join(' ') || undefined;
  const common = { name, label: hints.label, help, error, isRequired, isDisabled: hints.isFixed === true };
  if (typeof value === 'boolean') {
    return (
      <Checkbox
        label={hints.label}
        help={help}
        error={error}
        value={value}
        onChange={onChange}
        isDisabled={common.isDisabled}
      />
    );
  }
  if (hints.input !== undefined) return hints.input({ ...common, schema, value, values, onChange });
  if (choices !== undefined) {
    const hasNone = isRequired || known?.some(({ id }) => id === '') === true;
    const none = standard === undefined ? t.none : t.theDefault(standard);
    const empty = { id: '', label: `(${none})` };
    const all = hasNone ? choices : withChoices(choices, (some) => [empty, ...some]);
    return <Select {...common} choices={all} value={value} onChange={onChange} />;
  }
  const isNumber = schema.type === 'integer' || schema.type === 'number';
  const type = hints.type ?? (schema.writeOnly ? 'password' : isNumber ? 'number' : 'text');
  return (
    <TextInput
      {...common}
      type={type}
      isLong={hints.isLong === true || schema.type === 'array'}
      value={value}
      onChange={onChange}
      autoComplete={schema.writeOnly ? 'new-password' : 'off'}
    />
  );
}

/** The values of an enumeration; undefined for other schemas. */
export function choicesOf(schema: Shown): Choice[] | undefined {
  const values = schema.anyOf?.map((one) => one.const);
  if (values === undefined || values.some((value) => typeof value !== 'string')) return undefined;
  return values.map((value) => ({ id: String(value), label: String(value) }));
}

/** A value as its field keeps it; lists have one item a line. */
export function asInput(schema: Shown, value: unknown): string | boolean {
  if (schema.type === 'boolean') return value === undefined ? schema.default === true : value === true || value === 1;
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join('\n') : String(value);
}

/** What is sent: empty fields are left out, or named in `delete` where the call has it and there was a value. */
export function asParameters(
  properties: Readonly<Record<string, Shown>>,
  values: Readonly<Values>,
  initial: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const parameters: Record<string, unknown> = {};
  const deleted: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    const schema = properties[name] ?? {};
    if (typeof value === 'boolean') {
      if (value !== (schema.default === true) || initial[name] !== undefined) parameters[name] = value;
    } else if (value === '') {
      if (initial[name] !== undefined && initial[name] !== '') deleted.push(name);
    } else if (schema.type === 'integer' || schema.type === 'number') parameters[name] = Number(value);
    else if (schema.type === 'array')
      parameters[name] = value
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
    else parameters[name] = value;
  }
  if (deleted.length > 0 && 'delete' in properties) parameters['delete'] = deleted;
  return parameters;
}
