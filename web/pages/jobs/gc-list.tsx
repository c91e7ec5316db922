// Garbage collection of datastores: when it runs, and how it went.

import type { ReactNode } from 'react';
import { listGcStatus, startGc } from '../../../src/api/admin/datastore/gc.contract.ts';
import { datastoreContracts } from '../../../src/api/config/datastore.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { bytes } from '../../base/format.ts';
import { useCall, useChange } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm } from '../../parts/contract-form.tsx';
import { ObjectList } from '../../parts/object-list.tsx';
import { ScheduleInput } from '../../parts/schedule-input.tsx';
import { useRunColumns, useRunNow } from './job-table.tsx';
import { words } from './texts.ts';

type Gc = Result<typeof listGcStatus>[number];

export function GcList({ store }: { store: string | undefined }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { may } = usePermissions();
  const list = useCall(listGcStatus, store === undefined ? {} : { store }, { every: 5000 });
  const start = useChange(startGc);
  const run = useRunNow<Gc>(
    (gc) => start.run({ store: gc.store }),
    (gc) => gc.store,
  );
  const mayChange = (gc: Gc): boolean => may(`/datastore/${gc.store}`, 'Datastore.Modify');
  return (
    <ObjectList
      part="gc"
      title={t.gc}
      columns={[
        { id: 'store', header: t.store, value: (gc) => gc.store, width: 'minmax(6.5rem, 1fr)' },
        {
          id: 'removed',
          header: t.removed,
          value: (gc) => gc['removed-bytes'],
          cell: (gc) => bytes(gc['removed-bytes'], language),
          isNumber: true,
          isExtra: true,
          width: '6rem',
        },
        {
          id: 'pending',
          header: t.pending,
          value: (gc) => gc['pending-bytes'],
          cell: (gc) => bytes(gc['pending-bytes'], language),
          isNumber: true,
          isExtra: true,
          width: '6rem',
        },
        ...useRunColumns<Gc>(),
      ]}
      rows={list.data}
      error={list.error}
      rowId={(gc) => gc.store}
      actions={(gc) => (mayChange(gc) ? [run.action(gc)] : [])}
      intro={run.shown}
      edit={{
        isShown: mayChange,
        form: (gc, ends) => (
          <ContractForm
            contract={datastoreContracts.update}
            fields={{
              'gc-schedule': { label: t.schedule, help: t.gcHelp, input: (field) => <ScheduleInput {...field} /> },
            }}
            initial={{ 'gc-schedule': gc.schedule }}
            fixed={{ name: gc.store }}
            {...ends}
          />
        ),
      }}
    />
  );
}
