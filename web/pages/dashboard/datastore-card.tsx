// How full a datastore is and will be.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { datastoreUsage } from '../../../src/api/status/datastore-usage.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { bytes, date, number, percent } from '../../base/format.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Card } from '../../parts/page.tsx';
import { Meter, State } from '../../parts/state.tsx';
import { Sparkline } from './sparkline.tsx';
import { words } from './texts.ts';

type Usage = Result<typeof datastoreUsage>[number];

export function DatastoreCard({ usage }: { usage: Usage }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { store, total, used, history, dedup, error } = usage;
  const full = usage['estimated-full-date'];
  const share = total === undefined || used === undefined || total === 0 ? undefined : used / total;
  return (
    <Card title={store} actions={<Link href={`/datastore/${store}`}>{t.show}</Link>}>
      <ErrorText error={error} />
      {usage['mount-status'] === 'notmounted' && <State level="quiet">{t.notMounted}</State>}
      {share !== undefined && (
        <>
          <Meter
            label={t.usage(store)}
            share={share}
            level={share >= 0.9 ? 'bad' : share >= 0.75 ? 'warn' : 'good'}
            text={percent(share, language)}
          />
          <p className="quiet">
            {t.used(bytes(used, language), bytes(total, language))}
            {dedup !== undefined && dedup > 0 && ` · ${t.dedup(number(dedup, language, 2))}`}
          </p>
        </>
      )}
      {history !== undefined && <Sparkline shares={history} />}
      {full !== undefined && <p>{full === 0 ? t.neverFull : t.fullOn(date(full, language))}</p>}
    </Card>
  );
}
