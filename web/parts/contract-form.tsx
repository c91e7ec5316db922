// A form made from an endpoint's contract: kinds of fields, help and limits are those of its parameters, and what the
// server refuses is shown at the field that it names.

import { type FormEvent, type ReactNode, useState } from 'react';
import type { EndpointContract, Parameters, Result } from '../../src/model/endpoint.ts';
import type { TObject, TSchema } from '../../src/model/type.ts';
import { ApiError } from '../base/api.ts';
import { useChange } from '../base/live.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './contract-form.module.css';
import { Checkbox, type Choice, ErrorText, Select, TextInput } from './field.tsx';

const words = texts({
  en: { cancel: 'Cancel', save: 'Save', byDefault: (value: string) => `Default: ${value}`, none: 'none' },
  de: { cancel: 'Abbrechen', save: 'Speichern', byDefault: (value) => `Vorgabe: ${value}`, none: 'keine' },
});

/** What is known of a field besides its schema. */
export interface FieldHints {
  label: string;
  /** Instead of the schema's description. */
  help?: string;
  /** Values to choose from; those of an enumeration are known from the schema. */
  choices?: readonly Choice[];
  /** A field of its own making: a schedule, a list of rules. */
  input?(field: CustomField): ReactNode;
  isLong?: boolean;
  /** Must be given although the call does not need it. */
  isRequired?: boolean;
  /** Shown, not changed. */
  isFixed?: boolean;
}

export interface CustomField {
  label: string;
  help: string | undefined;
  error: string | undefined;
  value: string;
  isRequired: boolean;
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
  onDone(result: Result<EndpointContract<P, R>>): void;
  onCancel?(): void;
}

/** The parts of a JSON schema that a form looks at. */
interface Shown {
  type?: string;
  description?: string;
  default?: unknown;
  writeOnly?: boolean;
  anyOf?: { const?: unknown }[];
  minimum?: number;
  maximum?: number;
  items?: Shown;
}

type Values = Record<string, string | boolean>;

export function ContractForm<P extends TObject, R extends TSchema>(props: Props<P, R>): ReactNode {
  const { contract, fields, initial = {}, fixed = {}, submit, onDone, onCancel } = props;
  const t = useTexts(words);
  const change = useChange(contract);
  const properties = contract.parameters.properties as Record<string, Shown>;
  const required = new Set((contract.parameters as { required?: string[] }).required ?? []);
  const [values, setValues] = useState<Values>(() =>
    Object.fromEntries(Object.keys(fields).map((name) => [name, asInput(properties[name] ?? {}, initial[name])])),
  );
  const errors = change.error instanceof ApiError ? change.error.fields : {};
  const unshown = change.error !== undefined && !Object.keys(errors).some((name) => name in fields);
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const parameters = { ...fixed, ...asParameters(properties, values, initial) };
    const result = await change.run(parameters as Parameters<EndpointContract<P, R>>).catch(() => failed);
    if (result !== failed) onDone(result as Result<EndpointContract<P, R>>);
  };
  const missing = Object.entries(fields).some(
    ([name, hints]) => (required.has(name) || hints.isRequired === true) && values[name] === '',
  );
  return (
    <form className={styles['form']} onSubmit={(event) => void send(event)}>
      {Object.entries(fields).map(([name, hints]) => (
        <Field
          key={name}
          name={name}
          hints={hints}
          schema={properties[name] ?? {}}
          isRequired={required.has(name) || hints.isRequired === true}
          value={values[name]!}
          error={errors[name]}
          onChange={(value) => setValues((old) => ({ ...old, [name]: value }))}
        />
      ))}
      {unshown && <ErrorText error={change.error} />}
      <div className={styles['buttons']}>
        {onCancel !== undefined && <Button onPress={onCancel}>{t.cancel}</Button>}
        <Button type="submit" kind="primary" isDisabled={missing || change.isRunning}>
          {submit ?? t.save}
        </Button>
      </div>
    </form>
  );
}

const failed = Symbol('failed');

interface FieldProps {
  name: string;
  hints: FieldHints;
  schema: Shown;
  isRequired: boolean;
  value: string | boolean;
  error: string | undefined;
  onChange(value: string | boolean): void;
}

function Field({ name, hints, schema, isRequired, value, error, onChange }: FieldProps): ReactNode {
  const t = useTexts(words);
  const byDefault = schema.default === undefined ? undefined : t.byDefault(String(schema.default));
  const help = [hints.help ?? schema.description, byDefault].filter(Boolean).join(' ') || undefined;
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
  if (hints.input !== undefined) return hints.input({ ...common, value, onChange });
  const choices = hints.choices ?? choicesOf(schema);
  if (choices !== undefined) {
    const all = isRequired ? choices : [{ id: '', label: `(${t.none})` }, ...choices];
    return <Select {...common} choices={all} value={value} onChange={onChange} />;
  }
  const isNumber = schema.type === 'integer' || schema.type === 'number';
  const type = schema.writeOnly ? 'password' : isNumber ? 'number' : 'text';
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
function choicesOf(schema: Shown): Choice[] | undefined {
  const values = schema.anyOf?.map((one) => one.const);
  if (values === undefined || values.some((value) => typeof value !== 'string')) return undefined;
  return values.map((value) => ({ id: String(value), label: String(value) }));
}

/** A value as its field keeps it; lists have one item a line. */
function asInput(schema: Shown, value: unknown): string | boolean {
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
