// A datastore at a glance.

import type { ReactNode } from 'react';
import { useParams } from 'wouter';
import { datastoreStatus } from '../../../src/api/admin/datastore/status.contract.ts';
import { bytes } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Cards } from '../../parts/page.tsx';
import { Meter } from '../../parts/state.tsx';
import { words } from './texts.ts';

export default function Summary(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  const t = useTexts(words);
  const { language } = useSettings();
  const status = useCall(datastoreStatus, { store, verbose: true });
  return (
    <DatastoreFrame store={store} tab="summary">
      <ErrorText error={status.error} />
      <Cards>
        <Card title={t.space}>
          {status.data !== undefined && (
            <>
              <Meter label={t.usage} share={status.data.used / status.data.total} />
              <p>{t.of(bytes(status.data.used, language), bytes(status.data.total, language))}</p>
            </>
          )}
        </Card>
      </Cards>
    </DatastoreFrame>
  );
}
