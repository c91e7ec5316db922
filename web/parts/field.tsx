// Input fields with label, help and error. Forms made from a contract use them through contract-form.tsx.

import { type ReactNode, useId } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Checkbox as AriaCheckbox } from 'react-aria-components/Checkbox';
import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { Select as AriaSelect, SelectValue } from 'react-aria-components/Select';
import { Text } from 'react-aria-components/Text';
import { TextArea } from 'react-aria-components/TextArea';
import { TextField } from 'react-aria-components/TextField';
import styles from './field.module.css';
import { Icon } from './icon.tsx';

interface Common {
  label: string;
  help?: string | undefined;
  error?: string | undefined;
  isRequired?: boolean;
  isDisabled?: boolean;
  autoFocus?: boolean;
}

interface TextInputProps extends Common {
  value: string;
  onChange(value: string): void;
  type?: 'text' | 'password' | 'number' | 'url' | 'email' | 'search' | 'date' | 'datetime-local';
  /** Several lines. */
  isLong?: boolean;
  /** Offered while one types. */
  suggestions?: readonly string[];
  autoComplete?: string;
  name?: string;
}

export function TextInput(props: TextInputProps): ReactNode {
  const { label, help, error, isLong, suggestions, autoComplete = 'off', ...rest } = props;
  const list = useId();
  return (
    <TextField
      {...rest}
      className={styles['field']!}
      isInvalid={error !== undefined}
      autoComplete={autoComplete}
      validationBehavior="aria"
    >
      <FieldLabel label={label} isRequired={props.isRequired} />
      {isLong ? (
        <TextArea className={styles['input']!} rows={5} />
      ) : (
        <Input className={styles['input']!} {...(suggestions === undefined ? {} : { list })} />
      )}
      {suggestions !== undefined && (
        <datalist id={list}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      <Below help={help} error={error} />
    </TextField>
  );
}

export interface Choice {
  id: string;
  label: string;
  help?: string;
}

interface SelectProps extends Common {
  choices: readonly Choice[];
  /** The empty text is "nothing chosen". */
  value: string;
  onChange(value: string): void;
  name?: string;
}

export function Select(props: SelectProps): ReactNode {
  const { label, help, error, choices, value, onChange, ...rest } = props;
  return (
    <AriaSelect
      {...rest}
      className={styles['field']!}
      selectedKey={value === '' ? null : value}
      onSelectionChange={(key) => onChange(String(key ?? ''))}
      isInvalid={error !== undefined}
      validationBehavior="aria"
    >
      <FieldLabel label={label} isRequired={props.isRequired} />
      <AriaButton className={`${styles['input']} ${styles['choose']}`}>
        <SelectValue>
          {({ selectedText }) => selectedText || (choices.find(({ id }) => id === '')?.label ?? '–')}
        </SelectValue>
        <Icon name="down" size={16} />
      </AriaButton>
      <Below help={help} error={error} />
      <Popover className={styles['popover']!}>
        <ListBox className={styles['list']!} items={choices}>
          {(choice) => (
            <ListBoxItem id={choice.id} textValue={choice.label} className={styles['item']!}>
              <Text slot="label">{choice.label}</Text>
              {choice.help !== undefined && (
                <Text slot="description" className="quiet">
                  {choice.help}
                </Text>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

interface CheckboxProps extends Omit<Common, 'isRequired'> {
  value: boolean;
  onChange(value: boolean): void;
}

export function Checkbox({ label, help, error, value, onChange, ...rest }: CheckboxProps): ReactNode {
  return (
    <div className={styles['field']}>
      <AriaCheckbox {...rest} className={styles['checkbox']!} isSelected={value} onChange={onChange}>
        <span className={styles['box']}>{value && <Icon name="check" size={14} />}</span>
        <span>{label}</span>
      </AriaCheckbox>
      {(error ?? help) !== undefined && (
        <span className={error === undefined ? styles['help'] : styles['error']}>{error ?? help}</span>
      )}
    </div>
  );
}

function FieldLabel({ label, isRequired }: { label: string; isRequired?: boolean | undefined }): ReactNode {
  return (
    <Label className={styles['label']!}>
      {label}
      {isRequired && <span aria-hidden="true"> *</span>}
    </Label>
  );
}

function Below({ help, error }: { help: string | undefined; error: string | undefined }): ReactNode {
  return (
    <>
      {help !== undefined && error === undefined && (
        <Text slot="description" className={styles['help']!}>
          {help}
        </Text>
      )}
      <FieldError className={styles['error']!}>{error}</FieldError>
    </>
  );
}

/** Why something failed, read out as soon as it appears. */
export function ErrorText({ error }: { error: Error | string | undefined }): ReactNode {
  if (error === undefined) return null;
  return (
    <div role="alert" className={styles['alert']}>
      <Icon name="alert" />
      <span>{typeof error === 'string' ? error : error.message}</span>
    </div>
  );
}

/** Something to know before anything else is done: no error. */
export function Notice({ children }: { children: ReactNode }): ReactNode {
  return (
    <div role="status" className={`${styles['alert']} ${styles['notice']}`}>
      <Icon name="alert" />
      <span>{children}</span>
    </div>
  );
}
