// Sync jobs: what is fetched from elsewhere (pull) or sent there (push).

import type { ReactNode } from 'react';
import { listSyncStatus, runSyncJob } from '../../../src/api/admin/jobs.contract.ts';
import { syncJobContracts } from '../../../src/api/config/sync.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useChange, useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { ObjectList } from '../../parts/object-list.tsx';
import { useRunColumns, useRunNow } from './job-table.tsx';
import { aclPathOf, placeColumns } from './place.ts';
import { SyncForm } from './sync-form.tsx';
import { words } from './texts.ts';

export type SyncJob = Result<typeof listSyncStatus>[number];

export function SyncList({ store }: { store: string | undefined }): ReactNode {
  const t = useTexts(words);
  const { may, mayBelow } = usePermissions();
  const list = useWhole(
    listSyncStatus,
    { 'sync-direction': 'all', ...(store === undefined ? {} : { store }) },
    { every: 5000 },
  );
  const start = useChange(runSyncJob);
  const remove = useChange(syncJobContracts.remove);
  const run = useRunNow<SyncJob>(
    ({ id }) => start.run({ id }),
    ({ id }) => id,
  );
  const isPush = (job: SyncJob): boolean => job['sync-direction'] === 'push';
  // The server decides by more than this: owner, remote, and what the job removes.
  const mayChange = (job: SyncJob): boolean =>
    isPush(job) ? mayBelow('/remote', 'Remote.DatastoreBackup') : may(aclPathOf(job), 'Datastore.Backup');
  const other = (job: SyncJob): string => {
    const place = [job.remote, job['remote-store'], job['remote-ns']];
    const name = place.filter((part) => part !== undefined && part !== '').join(' / ');
    return job.remote === undefined ? `${name} (${t.thisServer})` : name;
  };
  const path = store === undefined ? '/datastore' : `/datastore/${store}`;
  return (
    <ObjectList
      part="sync"
      title={t.sync}
      intro={run.shown}
      empty={t.noSync}
      columns={[
        { id: 'id', header: t.id, width: 'minmax(6.5rem, 1.6fr)', value: (job) => job.id },
        ...placeColumns<SyncJob>(t, store),
        {
          id: 'other',
          header: t.otherSide,
          value: (job) => (isPush(job) ? t.pushTo(other(job)) : t.pullFrom(other(job))),
          isExtra: true,
          width: 'minmax(7rem, 2fr)',
        },
        ...useRunColumns<SyncJob>(),
      ]}
      rows={list.data?.data}
      digest={list.data?.digest}
      error={list.error}
      rowId={(job) => job.id}
      actions={(job) => (mayChange(job) ? [run.action(job)] : [])}
      add={[
        ...(mayBelow(path, 'Datastore.Backup')
          ? [
              {
                id: 'pull',
                label: t.addPull,
                form: (ends: Parameters<typeof SyncForm>[0]['ends']) => (
                  <SyncForm store={store} direction="pull" ends={ends} />
                ),
              },
            ]
          : []),
        ...(mayBelow('/remote', 'Remote.DatastoreBackup')
          ? [
              {
                id: 'push',
                label: t.addPush,
                form: (ends: Parameters<typeof SyncForm>[0]['ends']) => (
                  <SyncForm store={store} direction="push" ends={ends} />
                ),
              },
            ]
          : []),
      ]}
      edit={{
        isShown: mayChange,
        form: (job, ends) => <SyncForm store={store} job={job} direction={isPush(job) ? 'push' : 'pull'} ends={ends} />,
      }}
      remove={{
        isShown: mayChange,
        text: (job) => <p>{t.removesSync(job.id)}</p>,
        run: ({ id }, digest) => remove.run({ id, ...(digest === undefined ? {} : { digest }) }),
      }}
    />
  );
}
