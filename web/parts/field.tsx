// Input fields with label, help and error. Forms made from a contract use them through contract-form.tsx.

import { type ReactNode, useId, useRef } from 'react';
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
import type { Live } from '../base/live.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './field.module.css';
import { Icon } from './icon.tsx';

const words = texts({
  en: {
    loading: 'Loading …',
    nothing: 'There is nothing to choose from.',
    failed: 'The choices could not be loaded.',
    again: 'Try again',
  },
  de: {
    loading: 'Wird geladen …',
    nothing: 'Es gibt nichts zur Auswahl.',
    failed: 'Die Auswahl konnte nicht geladen werden.',
    again: 'Erneut versuchen',
  },
});

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

/** Choices that the server is asked for. */
export interface AskedChoices {
  /** Undefined until they have come. */
  known: readonly Choice[] | undefined;
  /** Why they did not come. */
  error: Error | undefined;
  retry(): void;
}

/** The choices that come out of the result of a call. */
export function askedChoices<T>(
  live: Pick<Live<T>, 'data' | 'error' | 'refresh'>,
  choicesOf: (data: T) => readonly Choice[],
): AskedChoices {
  const known = live.data === undefined ? undefined : choicesOf(live.data);
  return { known, error: known === undefined ? live.error : undefined, retry: live.refresh };
}

export type Choices = readonly Choice[] | AskedChoices;

const isAsked = (choices: Choices): choices is AskedChoices => 'retry' in choices;

/** As far as they are known. */
export function knownChoices(choices: Choices): readonly Choice[] | undefined {
  return isAsked(choices) ? choices.known : choices;
}

/** The same with others before or behind them. */
export function withChoices(choices: Choices, add: (known: readonly Choice[]) => readonly Choice[]): Choices {
  if (!isAsked(choices)) return add(choices);
  return { ...choices, known: choices.known && add(choices.known) };
}

interface SelectProps extends Common {
  /** Those that are asked for are waited for, and asked for again when somebody wants it. */
  choices: Choices;
  /** The empty text is "nothing chosen". */
  value: string;
  onChange(value: string): void;
  name?: string;
}

export function Select(props: SelectProps): ReactNode {
  const { label, help, error, choices, value, onChange, ...rest } = props;
  const t = useTexts(words);
  const opener = useRef<HTMLButtonElement>(null);
  const known = knownChoices(choices);
  const failure = isAsked(choices) ? choices.error : undefined;
  const isWaiting = known === undefined && failure === undefined;
  return (
    <div className={styles['field']}>
      <AriaSelect
        {...rest}
        className={styles['field']!}
        selectedKey={value === '' ? null : value}
        onSelectionChange={(key) => onChange(String(key ?? ''))}
        isInvalid={error !== undefined}
        validationBehavior="aria"
        allowsEmptyCollection
      >
        <FieldLabel label={label} isRequired={props.isRequired} />
        <AriaButton ref={opener} className={`${styles['input']} ${styles['choose']}`}>
          <SelectValue>
            {({ selectedText }) =>
              isWaiting ? (
                <span className={styles['waiting']}>{t.loading}</span>
              ) : (
                selectedText || (known?.find(({ id }) => id === '')?.label ?? (value || '–'))
              )
            }
          </SelectValue>
          <Icon name="down" size={16} />
        </AriaButton>
        <Below help={help} error={error} />
        <Popover className={styles['popover']!}>
          <ListBox
            className={styles['list']!}
            items={known ?? []}
            renderEmptyState={() => (
              <span className={styles['nothing']}>{isWaiting ? t.loading : failure ? t.failed : t.nothing}</span>
            )}
          >
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
      {/* Not inside, where each button would be the one that opens. */}
      {failure !== undefined && isAsked(choices) && (
        <Retry
          error={failure}
          onRetry={() => {
            choices.retry();
            opener.current?.focus();
          }}
        />
      )}
    </div>
  );
}

/** Beside choices that are all shown: whether they are on their way, or why they did not come. */
export function Pending({ choices }: { choices: Choices }): ReactNode {
  const t = useTexts(words);
  if (knownChoices(choices) !== undefined || !isAsked(choices)) return null;
  if (choices.error === undefined) return <span className={styles['waiting']}>{t.loading}</span>;
  return <Retry error={choices.error} onRetry={choices.retry} />;
}

interface RetryProps {
  error: Error;
  /** What could not be loaded, as a sentence; by default choices. */
  text?: string;
  onRetry(): void;
}

/** Why something is not there, and asking for it once more. */
export function Retry({ error, text, onRetry }: RetryProps): ReactNode {
  const t = useTexts(words);
  return (
    <div className={styles['retry']}>
      <span role="alert" className={styles['error']}>
        {text ?? t.failed} {error.message}
      </span>
      <Button icon="refresh" onPress={onRetry}>
        {t.again}
      </Button>
    </div>
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
