// All datastores, as a section of the configuration: made and removed here, changed on their own pages.

import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { createDatastore, datastoreContracts } from '../../../src/api/config/datastore.contract.ts';
import { s3EndpointContracts } from '../../../src/api/config/s3.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useCall, useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { ConfigurationFrame } from '../../parts/configuration-frame.tsx';
import { ContractForm } from '../../parts/contract-form.tsx';
import { datastoreAddress } from '../../parts/datastore-frame.tsx';
import { useKeepFields } from '../../parts/keep-fields.ts';
import type { MenuAction } from '../../parts/menu.tsx';
import { useMountAction } from '../../parts/mount-button.tsx';
import { type FormEnds, ObjectList } from '../../parts/object-list.tsx';
import { PropertyFields } from '../../parts/property-fields.tsx';
import { ScheduleInput } from '../../parts/schedule-input.tsx';
import { State } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { useDevices } from './device-choice.ts';
import { words } from './option-texts.ts';
import { RemoveDatastore } from './remove-datastore.tsx';

type Datastore = Result<typeof datastoreContracts.list>[number];

export default function Datastores(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const [, navigate] = useLocation();
  const list = useWhole(datastoreContracts.list, {});
  const known = useCall(listDatastores, {}, { every: 10_000 });
  const listed = (name: string) => known.data?.find(({ store }) => store === name);
  const [task, setTask] = useState<string>();
  const [removed, setRemoved] = useState<string>();
  const mounts = useMountAction(setTask);
  const mountActions = (name: string): MenuAction[] => {
    const one = listed(name);
    const action = one && mounts.actionOf(one);
    if (action === undefined) return [];
    const label = action.isMounted ? t.unmountOne(name) : t.mountOne(name);
    return [{ id: 'mount', label, icon: action.isMounted ? 'eject' : 'plug', run: action.run }];
  };
  const mayAllocate = may('/datastore', 'Datastore.Allocate');
  return (
    <ConfigurationFrame section="datastores">
      <ObjectList<Datastore>
        title={t.datastores}
        columns={[
          { id: 'name', header: t.name, value: (one) => one.name },
          { id: 'path', header: t.path, value: (one) => one.path, isExtra: true, width: 'minmax(10rem, 2fr)' },
          { id: 'comment', header: t.comment, value: (one) => one.comment ?? '', isExtra: true },
          { id: 'gc', header: t.gcShort, value: (one) => one['gc-schedule'] ?? t.byHand, isExtra: true },
          {
            id: 'mode',
            header: t.maintenance,
            value: (one) => one['maintenance-mode'] ?? '',
            cell: (one) =>
              one['maintenance-mode'] !== undefined && (
                <State level="warn">{one['maintenance-mode'].replace(/,.*/, '')}</State>
              ),
            width: '9rem',
          },
          {
            id: 'mounted',
            header: t.mounted,
            value: (one) => listed(one.name)?.['mount-status'] ?? '',
            cell: (one) => <MountState status={listed(one.name)?.['mount-status']} />,
            width: '10rem',
            isExtra: true,
          },
        ]}
        rows={list.data?.data}
        error={list.error ?? mounts.error}
        rowId={(one) => one.name}
        empty={t.noDatastores}
        onOpen={(one) => navigate(datastoreAddress(one.name, 'options'))}
        add={
          mayAllocate && [{ id: 'new', label: t.add, form: (ends) => <AddDatastore ends={ends} onTask={setTask} /> }]
        }
        actions={({ name }) => [
          ...mountActions(name),
          { id: 'options', label: t.edit(name), icon: 'edit', to: datastoreAddress(name, 'options') },
          ...(may(`/datastore/${name}`, 'Datastore.Allocate')
            ? [
                {
                  id: 'remove',
                  label: t.removeOne(name),
                  icon: 'trash',
                  isDanger: true,
                  run: () => setRemoved(name),
                } as const,
              ]
            : []),
        ]}
      />
      <RemoveDatastore store={removed} onClose={() => setRemoved(undefined)} onRemoved={list.refresh} />
      <TaskDialog
        upid={task}
        onClose={() => {
          setTask(undefined);
          list.refresh();
        }}
      />
    </ConfigurationFrame>
  );
}

/** Nothing for most datastores: they have no device of their own. */
function MountState({ status }: { status: string | undefined }): ReactNode {
  const t = useTexts(words);
  if (status === 'mounted') return <State level="good">{t.isMounted}</State>;
  return status === 'notmounted' ? <State level="quiet">{t.isNotMounted}</State> : null;
}

function AddDatastore({ ends, onTask }: { ends: FormEnds; onTask(upid: string): void }): ReactNode {
  const t = useTexts(words);
  const devices = useDevices();
  const known = useCall(s3EndpointContracts.list, {});
  // Whoever sees none may know its name all the same.
  const endpoints = known.data?.length ? { choices: known.data.map(({ id }) => ({ id, label: id })) } : {};
  return (
    <ContractForm
      contract={createDatastore}
      submit={t.create}
      fields={{
        name: { label: t.name, help: t.nameHelp },
        'backing-device': {
          label: t.onDevice,
          help: t.onDeviceHelp,
          ...(devices === undefined ? {} : { choices: [{ id: '', label: t.noDevice }, ...devices] }),
        },
        path: { label: t.path, help: t.pathHelp },
        comment: { label: t.comment, help: '' },
        'gc-schedule': {
          section: t.work,
          label: t.gcSchedule,
          help: t.gcHelp,
          input: (field) => <ScheduleInput {...field} />,
        },
        'verify-new': { label: t.verifyNew, help: t.verifyNewHelp, byDefault: false },
        ...useKeepFields(t.retention),
        'prune-schedule': {
          label: t.pruneSchedule,
          help: t.pruneHelp,
          input: (field) => <ScheduleInput {...field} />,
          isShown: (values) => Object.entries(values).some(([name, value]) => name.startsWith('keep-') && value !== ''),
          isRequired: true,
        },
        'notification-mode': {
          isMore: true,
          label: t.mode,
          byDefault: 'notification-system',
          help: t.modeHelp,
          choices: [
            { id: 'notification-system', label: t.system, help: t.systemHelp },
            { id: 'legacy-sendmail', label: t.legacy, help: t.legacyHelp },
          ],
        },
        backend: {
          label: t.backend,
          help: t.backendHelp,
          isMore: true,
          input: (field) => (
            <PropertyFields
              field={field}
              isSection
              absent={t.onFileSystem}
              properties={{
                type: { label: t.backendType, choices: [{ id: 's3', label: t.inBucket }] },
                client: { label: t.s3Endpoint, help: t.s3EndpointHelp, needs: 'type', ...endpoints },
                bucket: { label: t.bucket, needs: 'type' },
                'max-cache-size': { label: t.cacheSize, help: t.cacheSizeHelp, needs: 'type' },
              }}
            />
          ),
        },
        'overwrite-in-use': { label: t.overwrite, help: t.overwriteHelp, isMore: true },
        'reuse-datastore': { label: t.reuse, help: t.reuseHelp, isMore: true },
      }}
      onDone={(upid) => {
        ends.onDone();
        onTask(upid);
      }}
      onCancel={ends.onCancel}
    />
  );
}
