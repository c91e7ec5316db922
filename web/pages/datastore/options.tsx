// Every option of a datastore in one form, and its removal.

import { type ReactNode, useState } from 'react';
import { useLocation, useParams } from 'wouter';
import { datastoreContracts } from '../../../src/api/config/datastore.contract.ts';
import { useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { ContractForm, type FieldHints } from '../../parts/contract-form.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Facts } from '../../parts/page.tsx';
import { PropertyFields } from '../../parts/property-fields.tsx';
import { ScheduleInput } from '../../parts/schedule-input.tsx';
import { State } from '../../parts/state.tsx';
import { words } from './option-texts.ts';
import { RemoveDatastore } from './remove-datastore.tsx';

export default function Options(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  const t = useTexts(words);
  const { may } = usePermissions();
  const [, navigate] = useLocation();
  const [saved, setSaved] = useState(0);
  const [isRemoving, setRemoving] = useState(false);
  // Not asked again by itself: what is being written must not be overtaken.
  const config = useWhole(datastoreContracts.read, { name: store }, { every: false });
  const { data, digest } = config.data ?? {};
  const fields = useOptionFields(data?.['backing-device'] !== undefined, data?.backend?.includes('s3') ?? false);
  const path = `/datastore/${store}`;
  return (
    <DatastoreFrame store={store} tab="options">
      <ErrorText error={config.error} />
      {data !== undefined && (
        <Card>
          <Facts
            facts={[
              [t.path, <code key="path">{data.path}</code>],
              ...(data['backing-device'] === undefined ? [] : [[t.device, data['backing-device']] as const]),
            ]}
          />
          {may(path, 'Datastore.Modify') ? (
            <>
              <ContractForm
                key={digest}
                contract={datastoreContracts.update}
                fields={fields}
                initial={data}
                fixed={{ name: store, ...(digest === undefined ? {} : { digest }) }}
                onDone={() => setSaved(Date.now())}
              />
              <div aria-live="polite">{saved > 0 && <State level="good">{t.saved}</State>}</div>
            </>
          ) : (
            <Facts
              facts={Object.entries(data)
                .filter(([name]) => name in fields)
                .map(([name, value]) => [fields[name]!.label, String(value)] as const)}
            />
          )}
        </Card>
      )}
      {may(path, 'Datastore.Allocate') && (
        <Card title={t.remove}>
          <p className="quiet">{t.removeHelp}</p>
          <div>
            <Button kind="danger" icon="trash" onPress={() => setRemoving(true)}>
              {t.removeButton}
            </Button>
          </div>
          <RemoveDatastore
            store={isRemoving ? store : undefined}
            onClose={() => setRemoving(false)}
            onRemoved={() => navigate('/')}
          />
        </Card>
      )}
    </DatastoreFrame>
  );
}

function useOptionFields(isRemovable: boolean, isObjectStore: boolean): Record<string, FieldHints> {
  const t = useTexts(words);
  const notices = [
    { id: 'always', label: t.always },
    { id: 'error', label: t.onError },
    { id: 'never', label: t.never },
  ];
  const levels = [
    { id: 'info', label: t.info },
    { id: 'notice', label: t.notice },
    { id: 'warning', label: t.warning },
    { id: 'error', label: t.error },
  ];
  return {
    comment: { label: t.comment, help: '' },
    'gc-schedule': {
      section: t.work,
      label: t.gcSchedule,
      help: t.gcHelp,
      input: (field) => <ScheduleInput {...field} />,
    },
    ...(isRemovable ? { 'gc-on-unmount': { label: t.gcOnUnmount } } : {}),
    'verify-new': { label: t.verifyNew, help: t.verifyNewHelp, byDefault: false },
    'notification-mode': {
      section: t.notifications,
      label: t.mode,
      byDefault: 'notification-system',
      help: t.modeHelp,
      choices: [
        { id: 'notification-system', label: t.system, help: t.systemHelp },
        { id: 'legacy-sendmail', label: t.legacy, help: t.legacyHelp },
      ],
    },
    'notify-level': { label: t.level, help: t.levelHelp, choices: [{ id: '', label: t.allLevels }, ...levels] },
    'notify-user': { label: t.notifyUser, help: t.notifyUserHelp, isShown: isLegacy },
    notify: {
      label: t.notify,
      help: t.notifyHelp,
      isShown: isLegacy,
      input: (field) => (
        <PropertyFields
          field={field}
          properties={{
            gc: { label: t.gc, choices: notices },
            prune: { label: t.prune, choices: notices },
            verify: { label: t.verify, choices: notices },
            sync: { label: t.sync, choices: notices },
          }}
        />
      ),
    },
    'maintenance-mode': {
      label: t.maintenance,
      help: t.maintenanceHelp,
      input: (field) => (
        <PropertyFields
          field={field}
          isSection
          absent={t.inUse}
          properties={{
            type: {
              label: t.maintenanceType,
              choices: [
                { id: 'read-only', label: t.readOnly, help: t.readOnlyHelp },
                { id: 'offline', label: t.offline, help: t.offlineHelp },
              ],
            },
            message: { label: t.message, isEncoded: true, needs: 'type' },
          }}
        />
      ),
    },
    tuning: {
      label: t.tuning,
      help: t.tuningHelp,
      input: (field) => (
        <PropertyFields
          field={field}
          isSection
          properties={{
            'chunk-order': { label: t.chunkOrder, help: t.chunkOrderHelp },
            'sync-level': { label: t.syncLevel, help: t.syncLevelHelp },
            'gc-atime-safety-check': { label: t.atimeCheck, help: t.atimeCheckHelp },
            'gc-atime-cutoff': { label: t.atimeCutoff, help: t.atimeCutoffHelp },
            'gc-cache-capacity': { label: t.gcCache, help: t.gcCacheHelp },
            'default-verification-readers': { label: t.readers, help: t.readersHelp },
            'default-verification-workers': { label: t.workers, help: t.workersHelp },
          }}
        />
      ),
    },
    ...(isObjectStore
      ? {
          'notification-thresholds': { section: t.objectStore, label: t.thresholds },
          'counter-reset-schedule': {
            label: t.counterReset,
            input: (field) => <ScheduleInput {...field} />,
          } satisfies FieldHints,
        }
      : {}),
  };
}

const isLegacy: FieldHints['isShown'] = (values) => values['notification-mode'] === 'legacy-sendmail';
