// When something runs: a calendar event with common ones to choose from, checked by the server while it is written,
// with the next runs in the time zone of the server.

import type { ReactNode } from 'react';
import { calendarEvents } from '../../src/api/nodes/calendar-events.contract.ts';
import { ApiError } from '../base/api.ts';
import { ago, weekdayTime } from '../base/format.ts';
import { useCall } from '../base/live.ts';
import { useSettings } from '../base/settings.ts';
import { useSettled } from '../base/settled.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Select, TextInput } from './field.tsx';
import styles from './schedule-input.module.css';
import { schedulePresets } from './schedule-presets.ts';

const words = texts({
  en: {
    presets: 'Common times',
    own: 'Own text',
    never: 'Never by itself',
    next: (zone: string) => `Next runs, time zone ${zone}`,
    noMore: 'It never comes due.',
    hourly: 'Every hour',
    twoHours: 'Every two hours',
    daily: 'Every day at midnight',
    night: 'Every day at 02:00',
    workdays: 'Monday to Friday at 22:00',
    office: 'Monday to Friday, every half hour from 8 to 18',
    weekend: 'Saturdays at 18:15',
    monthly: 'The first of each month',
    firstSaturday: 'The first Saturday of each month at 05:00',
    yearly: 'The first of January',
  },
  de: {
    presets: 'Übliche Zeiten',
    own: 'Eigener Text',
    never: 'Nie von selbst',
    next: (zone) => `Nächste Läufe, Zeitzone ${zone}`,
    noMore: 'Dieser Zeitpunkt kommt nie.',
    hourly: 'Jede Stunde',
    twoHours: 'Alle zwei Stunden',
    daily: 'Täglich um Mitternacht',
    night: 'Täglich um 02:00',
    workdays: 'Montag bis Freitag um 22:00',
    office: 'Montag bis Freitag jede halbe Stunde von 8 bis 18',
    weekend: 'Samstags um 18:15',
    monthly: 'Am Ersten jedes Monats',
    firstSaturday: 'Am ersten Samstag jedes Monats um 05:00',
    yearly: 'Am ersten Januar',
  },
});

interface Props {
  label: string;
  help?: string | undefined;
  /** What the server said to the whole form. */
  error?: string | undefined;
  isRequired?: boolean;
  isDisabled?: boolean;
  value: string;
  onChange(value: string): void;
}

export function ScheduleInput({ label, help, error, isRequired, isDisabled, value, onChange }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const schedule = useSettled(value.trim(), 300);
  const asked = useCall(
    calendarEvents,
    { node: 'localhost', schedule, count: 5 },
    { enabled: schedule !== '', every: 60_000 },
  );
  const wrong = asked.error instanceof ApiError ? (asked.error.fields['schedule'] ?? asked.error.message) : undefined;
  const isCurrent = schedule !== '' && schedule === value.trim();
  const own = value !== '' && !schedulePresets.some(([text]) => text === value);
  return (
    <div className={styles['schedule']}>
      <div className={styles['inputs']}>
        <TextInput
          label={label}
          help={help}
          error={error ?? (isCurrent ? wrong : undefined)}
          value={value}
          onChange={onChange}
          {...(isRequired === undefined ? {} : { isRequired })}
          {...(isDisabled === undefined ? {} : { isDisabled })}
        />
        <Select
          label={t.presets}
          {...(isDisabled === undefined ? {} : { isDisabled })}
          choices={[
            ...(own ? [{ id: value, label: t.own }] : []),
            ...(isRequired ? [] : [{ id: 'never', label: t.never }]),
            ...schedulePresets.map(([id, word]) => ({ id, label: t[word] })),
          ]}
          value={value === '' && !isRequired ? 'never' : value}
          onChange={(chosen) => onChange(chosen === 'never' ? '' : chosen)}
        />
      </div>
      {isCurrent && asked.data !== undefined && wrong === undefined && (
        <div className={styles['next']} aria-live="polite">
          <span className="quiet">{asked.data.events.length === 0 ? t.noMore : t.next(asked.data.timezone)}</span>
          <ol>
            {asked.data.events.map((time) => (
              <li key={time}>
                <span>{weekdayTime(time, language, asked.data!.timezone)}</span>
                <span className="quiet">{ago(time, asked.data!.time, language)}</span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </div>
  );
}
