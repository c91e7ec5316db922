// What needs attention, the worst first, each with what to do about it and the way to it.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { serverHealth } from '../../../src/api/status/health.contract.ts';
import { ago, date, duration, number, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useNow } from '../../base/now.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Card } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import styles from './dashboard.module.css';
import { words } from './texts.ts';

type Finding = NonNullable<ReturnType<typeof useFindings>['data']>[number];

const useFindings = () => useCall(serverHealth, {}, { every: 10_000 });

export function HealthCard(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const now = useNow(60);
  const { data, error } = useFindings();
  return (
    <Card title={t.health}>
      <ErrorText error={error} />
      {data?.length === 0 && <State level="good">{t.allWell}</State>}
      {data !== undefined && data.length > 0 && (
        <ul className={styles['findings']}>
          {data.map((finding) => (
            <li key={[finding.kind, finding.store, finding.ns, finding.subject].join(' ')}>
              <State level={finding.level === 'critical' ? 'bad' : 'warn'}>{t[finding.level]}</State>
              <div>
                <strong>{t.kinds[finding.kind](valueText(finding, now, language))}</strong>
                {placeText(finding) !== '' && <> – {placeText(finding)}</>}
                <div className="quiet">{t.advices[finding.kind]}</div>
              </div>
              <Link href={placeOf(finding)}>{t.show}</Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function valueText({ kind, value = 0, text = '' }: Finding, now: number, language: string): string {
  switch (kind) {
    case 'usage':
    case 'chunk-growth':
      return percent(value, language);
    case 'sync-delay':
    case 'gc-duration':
    case 'clock-ahead':
      return duration(value);
    case 'fills-up':
    case 'certificate':
      return date(value, language);
    case 'backup-late':
      return ago(value, now, language);
    case 'datastore-error':
      return text;
    default:
      return number(value, language);
  }
}

/** Where it is: datastore, namespace, group or job. */
function placeText({ store, ns, subject }: Finding): string {
  return [store, ns, subject].filter((part) => part !== undefined && part !== '').join(' · ');
}

/** The page that shows more of it. */
function placeOf({ kind, store, ns, subject }: Finding): string {
  if (kind === 'certificate') return '/configuration/certificates';
  if (kind === 'job-failed' || kind === 'sync-delay') return `/datastore/${store}/jobs`;
  if (kind === 'backup-failures' || kind === 'verify-failures' || kind === 'backup-late' || kind === 'clock-ahead') {
    const query = new URLSearchParams({ ...(ns ? { ns } : {}), ...(subject ? { filter: subject } : {}) }).toString();
    return `/datastore/${store}/content${query === '' ? '' : `?${query}`}`;
  }
  return `/datastore/${store}`;
}
