// Health at a glance: what needs attention, how full the datastores are, what runs, how the last day went.

import type { ReactNode } from 'react';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { datastoreUsage } from '../../../src/api/status/datastore-usage.contract.ts';
import { useCall } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Cards, Page } from '../../parts/page.tsx';
import { ClockWarning } from './clock-warning.tsx';
import { DatastoreCard } from './datastore-card.tsx';
import { FirstSteps } from './first-steps.tsx';
import { HealthCard } from './health-card.tsx';
import { NodeCard } from './node-card.tsx';
import { LastDayCard, RunningCard } from './task-cards.tsx';
import { words } from './texts.ts';

export default function Dashboard(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const usage = useCall(datastoreUsage, {});
  const stores = useCall(listDatastores, {}, { every: 30_000 });
  return (
    <Page title={t.title}>
      <ClockWarning />
      <ErrorText error={usage.error} />
      {stores.data !== undefined && <FirstSteps stores={stores.data.map((one) => one.store)} />}
      <HealthCard />
      <Cards>
        {(usage.data ?? []).map((one) => (
          <DatastoreCard key={one.store} usage={one} />
        ))}
      </Cards>
      <Cards>
        <RunningCard />
        <LastDayCard />
        {may('/system/status', 'Sys.Audit') && <NodeCard />}
      </Cards>
    </Page>
  );
}
