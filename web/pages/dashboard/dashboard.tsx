// Health at a glance.

import type { ReactNode } from 'react';
import { datastoreUsage } from '../../../src/api/status/datastore-usage.contract.ts';
import { bytes, date, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { texts, useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Cards, Page } from '../../parts/page.tsx';
import { Meter } from '../../parts/state.tsx';

const words = texts({
  en: {
    title: 'Dashboard',
    usage: (store: string) => `Usage of ${store}`,
    of: (used: string, total: string) => `${used} of ${total}`,
    full: (when: string) => `Full about ${when}`,
  },
  de: {
    title: 'Übersicht',
    usage: (store) => `Belegung von ${store}`,
    of: (used, total) => `${used} von ${total}`,
    full: (when) => `Voll etwa am ${when}`,
  },
});

export default function Dashboard(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const usage = useCall(datastoreUsage, {});
  return (
    <Page title={t.title}>
      <ErrorText error={usage.error} />
      <Cards>
        {(usage.data ?? []).map((one) => (
          <Card key={one.store} title={one.store}>
            {one.total !== undefined && one.used !== undefined && (
              <>
                <Meter
                  label={t.usage(one.store)}
                  share={one.used / one.total}
                  level={one.used / one.total > 0.9 ? 'bad' : one.used / one.total > 0.8 ? 'warn' : 'good'}
                  text={percent(one.used / one.total, language)}
                />
                <p className="quiet">{t.of(bytes(one.used, language), bytes(one.total, language))}</p>
              </>
            )}
            {one['estimated-full-date'] !== undefined && one['estimated-full-date'] > 0 && (
              <p>{t.full(date(one['estimated-full-date'], language))}</p>
            )}
            <ErrorText error={one.error} />
          </Card>
        ))}
      </Cards>
    </Page>
  );
}
