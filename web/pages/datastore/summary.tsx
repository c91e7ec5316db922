// A datastore at a glance: how full it is and will be, what is in it, what keeps it busy, who takes up its space.

import type { ReactNode } from 'react';
import { Link, useParams } from 'wouter';
import { activeOperations, datastoreStatus } from '../../../src/api/admin/datastore/status.contract.ts';
import { datastoreUsage } from '../../../src/api/status/datastore-usage.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { ago, bytes, date, number, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useNow } from '../../base/now.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Cards, Facts } from '../../parts/page.tsx';
import { Meter, State } from '../../parts/state.tsx';
import { taskName } from '../../parts/task-name.ts';
import { GcCard } from './gc-card.tsx';
import { History } from './history.tsx';
import { ObjectStoreCard } from './object-store-card.tsx';
import { SpaceMap } from './space-map.tsx';
import { words } from './texts.ts';

export default function Summary(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  const { may } = usePermissions();
  const path = `/datastore/${store}`;
  const audits = may(path, 'Datastore.Audit');
  const sees = audits || may(path, 'Datastore.Backup');
  const status = useCall(datastoreStatus, { store, verbose: true });
  return (
    <DatastoreFrame store={store} tab="summary">
      <ErrorText error={status.error} />
      <Cards>
        {sees && <SpaceCard store={store} status={status.data} />}
        <ContentCard store={store} status={status.data} audits={audits} />
      </Cards>
      {audits && <ObjectStoreCard store={store} statistics={status.data?.['s3-statistics']} onReset={status.refresh} />}
      {audits && <GcCard store={store} />}
      {sees && <History store={store} />}
      <SpaceMap store={store} />
    </DatastoreFrame>
  );
}

type Status = Result<typeof datastoreStatus>;

/** From these shares of the space on it is called filling up, and full. */
const [warnShare, badShare] = [0.8, 0.9];
/** A forecast within this time is a warning. */
const soonSeconds = 30 * 86_400;

function SpaceCard({ store, status }: { store: string; status: Status | undefined }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const usage = useCall(datastoreUsage, {}, { every: 60_000 });
  const now = useNow(60);
  if (status === undefined || status.total === 0) return null;
  const { used, total, avail } = status;
  // What is reserved for root can be written by nobody else: it counts as neither.
  const share = used / (used + avail);
  const full = usage.data?.find((one) => one.store === store)?.['estimated-full-date'];
  return (
    <Card title={t.space}>
      <Meter
        label={t.usage}
        share={share}
        level={share >= badShare ? 'bad' : share >= warnShare ? 'warn' : 'good'}
        text={percent(share, language)}
      />
      <Facts
        facts={[
          [t.used, bytes(used, language)],
          [t.available, bytes(avail, language)],
          [t.total, bytes(total, language)],
          [
            t.forecast,
            full === undefined ? (
              t.noForecast
            ) : full === 0 ? (
              t.neverFull
            ) : (
              <State key="full" level={full - now < soonSeconds ? 'warn' : 'quiet'}>
                {t.fullOn(date(full, language), ago(full, now, language))}
              </State>
            ),
          ],
        ]}
      />
    </Card>
  );
}

function ContentCard(props: { store: string; status: Status | undefined; audits: boolean }): ReactNode {
  const { store, status, audits } = props;
  const t = useTexts(words);
  const { language } = useSettings();
  const active = useCall(activeOperations, { store }, { every: 3000, enabled: audits });
  const counts = status?.counts;
  const kinds = (['vm', 'ct', 'host'] as const).map((type) => [type, counts?.[type]] as const);
  if (counts === undefined && active.data === undefined) return null;
  return (
    <Card title={t.content}>
      <Facts
        facts={[
          ...kinds.map(
            ([type, count]) =>
              [t[type], t.counts(t.groups(count?.groups ?? 0), t.snapshots(count?.snapshots ?? 0))] as const,
          ),
          ...(status?.dedup === undefined ? [] : [[t.dedup, number(status.dedup, language, 2)] as const]),
          ...(active.data === undefined
            ? []
            : [
                [
                  t.active,
                  active.data.read + active.data.write === 0
                    ? t.idle
                    : t.operations(t.readers(active.data.read), t.writers(active.data.write)),
                ] as const,
              ]),
          ...(active.data?.['locked-by'] === undefined
            ? []
            : [[t.lockedBy, <Holder key="holder" holder={active.data['locked-by']} />] as const]),
        ]}
      />
    </Card>
  );
}

/** A task, or a process without one. */
function Holder({ holder }: { holder: string }): ReactNode {
  if (!holder.startsWith('UPID:')) return holder;
  return <Link href={`/tasks/${encodeURIComponent(holder)}`}>{taskName(holder)}</Link>;
}
