// The question before a datastore is removed: with its data or without, and what goes.

import { type ReactNode, useState } from 'react';
import { getGcStatus } from '../../../src/api/admin/datastore/gc.contract.ts';
import { datastoreStatus } from '../../../src/api/admin/datastore/status.contract.ts';
import { listPruneStatus, listSyncStatus, listVerifyStatus } from '../../../src/api/admin/jobs.contract.ts';
import { removeDatastore } from '../../../src/api/config/datastore.contract.ts';
import { bytes } from '../../base/format.ts';
import { useCall, useChange } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { counted, texts, useTexts } from '../../base/texts.ts';
import { Confirm } from '../../parts/dialog.tsx';
import { Checkbox } from '../../parts/field.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';

const words = texts({
  en: {
    title: (store: string) => `Remove datastore ${store}`,
    keeps: 'Its backups stay on the disk; the datastore can be added again later.',
    destroys: (snapshots: string, groups: string) =>
      `${snapshots} in ${groups} are destroyed. Nothing brings them back.`,
    frees: (size: string) => `Their chunks take ${size} on disk.`,
    destroysAll: 'All backups in it are destroyed. Nothing brings them back.',
    snapshots: (count: number) => counted(count, 'snapshot', 'snapshots'),
    groups: (count: number) => counted(count, 'group', 'groups'),
    destroyData: 'Destroy all backups in it',
    keepJobs: 'Keep its jobs and access rules',
    jobsGo: (count: number) =>
      count === 0
        ? 'Its access rules are removed, too.'
        : `${counted(count, 'job', 'jobs')} and its access rules are removed, too.`,
    remove: 'Remove',
    destroy: 'Destroy',
  },
  de: {
    title: (store) => `Datastore ${store} entfernen`,
    keeps: 'Seine Sicherungen bleiben auf der Platte; der Datastore kann später wieder hinzugefügt werden.',
    destroys: (snapshots, groups) => `${snapshots} in ${groups} werden vernichtet. Nichts bringt sie zurück.`,
    frees: (size) => `Ihre Chunks belegen ${size} auf der Platte.`,
    destroysAll: 'Alle Sicherungen darin werden vernichtet. Nichts bringt sie zurück.',
    snapshots: (count) => counted(count, 'Snapshot', 'Snapshots'),
    groups: (count) => counted(count, 'Gruppe', 'Gruppen'),
    destroyData: 'Alle Sicherungen darin vernichten',
    keepJobs: 'Seine Jobs und Zugangsregeln behalten',
    jobsGo: (count) =>
      count === 0
        ? 'Seine Zugangsregeln werden auch entfernt.'
        : `${counted(count, 'Job', 'Jobs')} und seine Zugangsregeln werden auch entfernt.`,
    remove: 'Entfernen',
    destroy: 'Vernichten',
  },
});

interface Props {
  /** Nothing is asked while undefined. */
  store: string | undefined;
  onClose(): void;
  onRemoved(): void;
}

export function RemoveDatastore({ store, onClose, onRemoved }: Props): ReactNode {
  const t = useTexts(words);
  const remove = useChange(removeDatastore);
  const [destroyData, setDestroyData] = useState(false);
  const [keepJobs, setKeepJobs] = useState(false);
  const [task, setTask] = useState<string>();
  const close = (): void => {
    setDestroyData(false);
    setKeepJobs(false);
    onClose();
  };
  return (
    <>
      <Confirm
        title={t.title(store ?? '')}
        isOpen={store !== undefined}
        onClose={close}
        action={destroyData ? t.destroy : t.remove}
        {...(store === undefined ? {} : { name: store })}
        onConfirm={async () =>
          setTask(await remove.run({ name: store!, 'destroy-data': destroyData, 'keep-job-configs': keepJobs }))
        }
      >
        {store !== undefined && <WhatGoes store={store} destroyData={destroyData} keepJobs={keepJobs} />}
        <Checkbox label={t.destroyData} value={destroyData} onChange={setDestroyData} />
        <Checkbox label={t.keepJobs} value={keepJobs} onChange={setKeepJobs} />
      </Confirm>
      <TaskDialog
        upid={task}
        onClose={() => {
          setTask(undefined);
          onRemoved();
        }}
      />
    </>
  );
}

function WhatGoes(props: { store: string; destroyData: boolean; keepJobs: boolean }): ReactNode {
  const { store } = props;
  const t = useTexts(words);
  const { language } = useSettings();
  const status = useCall(datastoreStatus, { store, verbose: true });
  const gc = useCall(getGcStatus, { store });
  const jobs = [
    useCall(listPruneStatus, { store }),
    useCall(listVerifyStatus, { store }),
    useCall(listSyncStatus, { store }),
  ];
  const counts = Object.values(status.data?.counts ?? {});
  const sum = (name: 'groups' | 'snapshots'): number => counts.reduce((total, one) => total + one[name], 0);
  return (
    <>
      {!props.destroyData && <p>{t.keeps}</p>}
      {props.destroyData && (
        <p>
          <strong>
            {status.data?.counts === undefined
              ? t.destroysAll
              : t.destroys(t.snapshots(sum('snapshots')), t.groups(sum('groups')))}{' '}
            {gc.data?.upid !== undefined && t.frees(bytes(gc.data['disk-bytes'], language))}
          </strong>
        </p>
      )}
      {!props.keepJobs && <p>{t.jobsGo(jobs.reduce((total, { data }) => total + (data?.length ?? 0), 0))}</p>}
    </>
  );
}
