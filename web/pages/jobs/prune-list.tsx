// Prune jobs: which snapshots stay, and when the others go.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { listPruneStatus, runPruneJob } from '../../../src/api/admin/jobs.contract.ts';
import { pruneJobContracts } from '../../../src/api/config/prune.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useChange, useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { LinkButton } from '../../parts/button.tsx';
import { ContractForm, type FieldHints } from '../../parts/contract-form.tsx';
import { datastoreAddress } from '../../parts/datastore-frame.tsx';
import { useKeepFields, useKeepNames } from '../../parts/keep-fields.ts';
import { type FormEnds, ObjectList } from '../../parts/object-list.tsx';
import { useJobFields } from './fields.tsx';
import { useRunColumns, useRunNow } from './job-table.tsx';
import { aclPathOf, placeColumns } from './place.ts';
import { words } from './texts.ts';

type Job = Result<typeof listPruneStatus>[number];

export function PruneList({ store }: { store: string | undefined }): ReactNode {
  const t = useTexts(words);
  const { may, mayBelow } = usePermissions();
  const list = useWhole(listPruneStatus, store === undefined ? {} : { store }, { every: 5000 });
  const start = useChange(runPruneJob);
  const remove = useChange(pruneJobContracts.remove);
  const run = useRunNow<Job>(
    ({ id }) => start.run({ id }),
    ({ id }) => id,
  );
  const mayChange = (job: Job): boolean => may(aclPathOf(job), 'Datastore.Modify');
  const periods = useKeepNames();
  const kept = (job: Job): string =>
    periods
      .filter(([name]) => job[name] !== undefined)
      .map(([name, label]) => `${label} ${job[name]}`)
      .join(', ') || t.keepAll;
  return (
    <ObjectList
      part="prune"
      title={t.prune}
      intro={run.shown}
      empty={t.noPrune}
      columns={[
        {
          id: 'id',
          header: t.id,
          width: 'minmax(6.5rem, 1.6fr)',
          value: (job) => job.id,
          cell: (job) => (job.disable ? t.disabled(job.id) : job.id),
        },
        ...placeColumns<Job>(t, store),
        { id: 'keep', header: t.keep, value: kept, isExtra: true, width: 'minmax(7rem, 2fr)' },
        ...useRunColumns<Job>(),
      ]}
      rows={list.data?.data}
      digest={list.data?.digest}
      error={list.error}
      rowId={(job) => job.id}
      buttons={
        store !== undefined &&
        may(`/datastore/${store}`, 'Datastore.Modify', 'Datastore.Prune') && (
          <LinkButton to={`${datastoreAddress(store)}/prune`}>{t.pruneNow}</LinkButton>
        )
      }
      actions={(job) => (mayChange(job) ? [run.action(job)] : [])}
      add={
        mayBelow(store === undefined ? '/datastore' : `/datastore/${store}`, 'Datastore.Modify') && [
          { id: 'new', label: t.addPrune, form: (ends) => <PruneForm store={store} ends={ends} /> },
        ]
      }
      edit={{
        isShown: (job) => mayChange(job) && job.origin === undefined,
        form: (job, ends) => <PruneForm store={store} job={job} ends={ends} />,
      }}
      remove={{
        isShown: (job) => mayChange(job) && job.origin === undefined,
        text: (job) => <p>{t.removesPrune(job.id)}</p>,
        run: ({ id }, digest) => remove.run({ id, ...(digest === undefined ? {} : { digest }) }),
      }}
    />
  );
}

interface FormProps {
  store: string | undefined;
  job?: Job;
  ends: FormEnds & { digest?: string | undefined };
}

function PruneForm({ store, job, ends }: FormProps): ReactNode {
  const t = useTexts(words);
  const { digest, ...doors } = ends;
  const isNew = job === undefined;
  const place = store ?? job?.store;
  const fields: Record<string, FieldHints> = {
    ...useJobFields({ store, isNew }),
    ...useKeepFields(t.keep),
    comment: { label: t.comment, help: '' },
    disable: { label: t.disable, help: t.disableHelp },
  };
  return (
    <>
      <p className="quiet">
        {t.keepHelp} {place !== undefined && <Link href={datastoreAddress(place, 'content')}>{t.simulate}</Link>}
      </p>
      {isNew ? (
        <ContractForm
          contract={pruneJobContracts.create}
          fields={fields}
          fixed={store === undefined ? {} : { store }}
          {...doors}
        />
      ) : (
        <ContractForm
          contract={pruneJobContracts.update}
          fields={fields}
          initial={job}
          fixed={{ id: job.id, ...(digest === undefined ? {} : { digest }) }}
          {...doors}
        />
      )}
    </>
  );
}
